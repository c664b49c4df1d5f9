"""The report as a Word document, to be edited on in WPS or Word: headings, tables and pictures of their own kind."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from typing import TYPE_CHECKING, Any

from pipelines.report.blocks import Cell, Chart, Report, Section, Sentence, Table
from pipelines.report.charts.pictures import Pictures
from pipelines.report.formats import widths
from pipelines.report.formats.masking import masked
from pipelines.report.words import Words

if TYPE_CHECKING:
    from docx.document import Document
    from docx.text.paragraph import Paragraph

NAME = "report.docx"
# Typefaces of official papers (GB/T 9704): where a machine has them not, WPS and Word take what is nearest.
BODY, HEADS, TITLE, LATIN = "仿宋", "黑体", "方正小标宋简体", "Times New Roman"
BODY_PT, TABLE_PT, SMALL_PT = 11.0, 8.5, 8.0
MARGIN_CM, UPRIGHT_CM, LYING_CM, HALF_CM = 2.0, 17.0, 25.7, 11.5
CM_A_POINT, CELL_PADDING_CM = 2.54 / 72, 0.42  # Word keeps 0.19 cm free on both sides of a cell
MUTED, WARN = "5F6B78", "A3481A"
FILLS = {"level-1": "CFE0F3", "level-2": "F3CF4A", "level-3": "F2B48A", "level-4": "E59AA3", "breached": "FBEADF"}
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can tell; a clock would make other bytes each time
_MADE = dt.datetime(2000, 1, 1)  # noqa: DTZ001  # the property takes a moment without zone, and no clock


def files(report: Report, pictures: Pictures) -> dict[str, bytes]:
    """Return the document by its file name; plates in texts are masked as on the page."""
    import docx

    document = docx.Document()
    _Paper(document, report, pictures).write()
    out = io.BytesIO()
    document.save(out)
    return {NAME: _without_clock(out.getvalue())}


class _Paper:
    """One document on its way."""

    def __init__(self, document: Document, report: Report, pictures: Pictures) -> None:
        self.document = document
        self.report = report
        self.pictures = pictures
        self.words = Words(report.language)
        self.is_lying = False

    def write(self) -> None:
        report, words = self.report, self.words
        self._set_up()
        self._line(words.issue(report.issue), size=SMALL_PT + 1, color=MUTED)
        self._line(report.title, "Title")
        self._line(report.subtitle, color=MUTED)
        for notice in report.notices:
            self._line(notice.text, color=WARN)
        self._contents()
        self._head(words("section.headline"))
        tiles = [
            (Cell(tile.label), Cell(tile.value, "strong"), Cell(tile.note, "muted")) for tile in report.headline.tiles
        ]
        self._grid(tiles, (4.5, 5.0, 7.5), head=())
        self._block(report.headline.lights)
        self._head(words("section.changes"), 2)
        self._sentences(report.headline.changes)
        if report.headline.actions:
            self._block(report.headline.actions)
        if report.notes:
            self._head(words("section.notes"))
            for note in report.notes:
                for paragraph in note.paragraphs:
                    self._line(paragraph)
                self._line(words("note.signed", name=note.signed_by, day=note.signed_on), color=MUTED)
        for section in (*report.sections, report.method):
            self._section(section)
        self._annex()

    def _section(self, section: Section) -> None:
        self._head(section.title)
        self._sentences(section.sentences)
        for block in section.blocks:
            self._block(block)

    def _annex(self) -> None:
        self._turn(is_lying=False)
        self._head(self.words("section.queries"))
        self._line(self.words("word.run_query"))
        for query in self.report.queries.values():
            self._line(f"data/{query.name}.csv", size=SMALL_PT, is_bold=True)
            self._line(query.sql, size=SMALL_PT, color=MUTED)
        if self.report.imprint:
            self._head(self.words("section.imprint"))
            self._sentences(self.report.imprint)

    def _set_up(self) -> None:
        from docx.oxml.ns import qn
        from docx.shared import Cm, Pt, RGBColor

        properties = self.document.core_properties
        properties.title = f"{self.report.title} {self.report.week.iso_week}"
        properties.language = "zh-CN" if self.report.language == "zh" else "en"
        properties.author = properties.last_modified_by = properties.comments = ""
        properties.created = properties.modified = _MADE
        for name, face, size in (
            ("Normal", BODY, BODY_PT), ("Title", TITLE, 20.0), ("Heading 1", HEADS, 15.0), ("Heading 2", HEADS, 12.0),
        ):  # fmt: skip
            style: Any = self.document.styles[name]
            style.font.name, style.font.size = LATIN, Pt(size)
            style.font.color.rgb = RGBColor(0x1D, 0x27, 0x33)
            fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
            for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
                fonts.attrib.pop(qn(f"w:{theme}"), None)
            fonts.set(qn("w:eastAsia"), face)
            fonts.set(qn("w:hAnsi"), LATIN)
            style.paragraph_format.space_after = Pt(4)
        page = self.document.sections[0]
        page.page_width, page.page_height = Cm(21), Cm(29.7)
        page.left_margin = page.right_margin = page.top_margin = page.bottom_margin = Cm(MARGIN_CM)
        foot = page.footer.paragraphs[0]
        foot.alignment = 1
        _field(foot, "PAGE", "1")
        self._run(foot, " / ", size=SMALL_PT)
        _field(foot, "NUMPAGES", "1")

    def _contents(self) -> None:
        """A field that Word and WPS renew with page numbers; until then it lists the parts."""
        parts = [section.title for section in (*self.report.sections, self.report.method)]
        self._line(self.words("section.contents"), is_bold=True)
        _field(self.document.add_paragraph(), 'TOC \\o "1-1" \\h \\z \\u', "\n".join(map(masked, parts)))

    def _block(self, block: Table | Chart) -> None:
        self._turn(is_lying=isinstance(block, Table) and widths.is_wide(block))
        self._head(f"{block.title}（{block.unit}）" if isinstance(block, Chart) and block.unit else block.title, 2)
        if isinstance(block, Chart):
            self._picture(block)
        elif block.rows:
            size = TABLE_PT * widths.shrink(block)
            width = LYING_CM if self.is_lying else UPRIGHT_CM
            heads = [f"{column.title}（{column.unit}）" if column.unit else column.title for column in block.columns]
            self._grid(
                block.rows,
                widths.in_cm(block, width, size * CM_A_POINT, CELL_PADDING_CM),
                head=heads,
                numbers=[column.is_number for column in block.columns],
                totals=block.total_rows,
                size=size,
            )
        else:
            self._line(block.empty, color=MUTED)
        names = "、".join(f"data/{query.name}.csv" for query in block.queries)
        self._line(f"{block.foot} · {names}", size=SMALL_PT, color=MUTED)

    def _picture(self, chart: Chart) -> None:
        from docx.shared import Cm

        paragraph = self.document.add_paragraph()
        paragraph.paragraph_format.keep_with_next = True
        picture: Any = paragraph.add_run().add_picture(
            io.BytesIO(self.pictures.png(chart)), width=Cm(HALF_CM if chart.is_half else UPRIGHT_CM)
        )
        about = picture._inline.docPr  # the library has no word for the text of a picture
        about.set("descr", masked(chart.alt))
        about.set("title", masked(chart.title))

    def _grid(
        self,
        rows: Any,
        widths_cm: Any,
        *,
        head: Any,
        numbers: Any = (),
        totals: int = 0,
        size: float = TABLE_PT,
    ) -> None:
        from docx.oxml import OxmlElement
        from docx.oxml.ns import qn
        from docx.shared import Cm

        lines = [[Cell(text, "strong") for text in head], *rows] if head else list(rows)
        table: Any = self.document.add_table(len(lines), len(widths_cm), style="Table Grid")
        table.autofit = False
        for column, width in zip(table.columns, widths_cm, strict=True):
            column.width = Cm(width)
        for number, (line, row) in enumerate(zip(lines, table.rows, strict=True)):
            properties = row._tr.get_or_add_trPr()
            properties.append(OxmlElement("w:cantSplit"))
            if head and number == 0:
                properties.append(OxmlElement("w:tblHeader"))  # repeated on each page
            is_total = bool(head) and 0 < number <= totals
            for place, (cell, box) in enumerate(zip(line, row.cells, strict=True)):
                box.width = Cm(widths_cm[place])
                paragraph = box.paragraphs[0]
                paragraph.paragraph_format.space_after = 0
                if numbers and numbers[place]:
                    paragraph.alignment = 2
                color = MUTED if "muted" in cell.style else ""
                self._run(paragraph, cell.text, size=size, color=color, is_bold="strong" in cell.style or is_total)
                if cell.note:
                    self._run(paragraph, f"\n{cell.note}", size=size * 0.85, color=MUTED)
                if fill := FILLS.get((cell.style.split() or [""])[-1]):
                    shade = OxmlElement("w:shd")
                    shade.set(qn("w:val"), "clear")
                    shade.set(qn("w:fill"), fill)
                    box._tc.get_or_add_tcPr().append(shade)

    def _turn(self, *, is_lying: bool) -> None:
        """Begin a page upright or on its side, where the one before is not so."""
        from docx.enum.section import WD_ORIENT, WD_SECTION
        from docx.shared import Cm

        if is_lying == self.is_lying:
            return
        self.is_lying = is_lying
        page = self.document.add_section(WD_SECTION.NEW_PAGE)
        page.orientation = WD_ORIENT.LANDSCAPE if is_lying else WD_ORIENT.PORTRAIT
        page.page_width, page.page_height = (Cm(29.7), Cm(21)) if is_lying else (Cm(21), Cm(29.7))

    def _head(self, text: str, level: int = 1) -> None:
        if level == 1:
            self._turn(is_lying=False)
        self.document.add_heading(masked(text), level)

    def _sentences(self, sentences: tuple[Sentence, ...]) -> None:
        for sentence in sentences:
            color = {"strong": WARN, "muted": MUTED}.get(sentence.style, "")
            self._line(sentence.text, "List Bullet", color=color)

    def _line(
        self, text: str, style: str = "Normal", *, size: float = 0.0, color: str = "", is_bold: bool = False
    ) -> None:
        if text:
            self._run(self.document.add_paragraph(style=style), text, size=size, color=color, is_bold=is_bold)

    def _run(
        self, paragraph: Paragraph, text: str, *, size: float = 0.0, color: str = "", is_bold: bool = False
    ) -> None:
        from docx.shared import Pt, RGBColor

        run = paragraph.add_run(masked(text))
        if size:
            run.font.size = Pt(size)
        if color:
            run.font.color.rgb = RGBColor.from_string(color)
        if is_bold:
            run.bold = True


def _field(paragraph: Paragraph, code: str, shown: str) -> None:
    """A field with what it shows until it is renewed."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    for kind in ("begin", "code", "separate", "shown", "end"):
        run = paragraph.add_run(shown if kind == "shown" else "")
        if kind == "code":
            instruction: Any = OxmlElement("w:instrText")
            instruction.set(qn("xml:space"), "preserve")
            instruction.text = code
            run._r.append(instruction)
        elif kind != "shown":
            mark = OxmlElement("w:fldChar")
            mark.set(qn("w:fldCharType"), kind)
            run._r.append(mark)


def _without_clock(content: bytes) -> bytes:
    """The same package with no time in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as package, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as fresh:
        for name in package.namelist():
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            fresh.writestr(entry, package.read(name))
    return out.getvalue()
