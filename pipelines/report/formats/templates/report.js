// Tables are sorted by a click or a key on their heads. Totals stay on top, what is missing stays at the bottom.
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const value = (row, place) => {
    const cell = row.cells[place];
    const light = /level-(\d)/.exec(cell.firstElementChild?.className ?? "");
    if (light) return Number(light[1]);
    const small = cell.querySelector("small")?.textContent ?? "";
    const text = cell.textContent.slice(0, cell.textContent.length - small.length).trim();
    if (!heads[place].classList.contains("number")) return text === "—" ? null : text;
    const number = Number.parseFloat(text.replaceAll(",", "").replaceAll("−", "-"));
    return Number.isNaN(number) ? null : number;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b
      : String(a).localeCompare(String(b), document.documentElement.lang, { numeric: true });
  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const isDown = before ? before === "ascending" : head.classList.contains("number");
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      const rows = [...body.rows].filter((row) => !row.classList.contains("total"));
      const keyed = rows.map((row) => [value(row, place), row]);
      keyed.sort(([a], [b]) => {
        if (a === null || b === null) return (a === null) - (b === null);
        return isDown ? compare(b, a) : compare(a, b);
      });
      body.append(...keyed.map(([, row]) => row));
    });
  });
}
