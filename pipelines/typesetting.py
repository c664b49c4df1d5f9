"""From data and a typst template to the bytes of a PDF: the same data give the same bytes."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.errors import MachineError


def pdf(template: Path, page: Mapping[str, Any], pictures: Mapping[str, bytes] | None = None) -> bytes:
    """Return the PDF of a template, with text that can be searched and the packaged font in it.

    The page goes in as data, which the template reads from `page.json`: it shows the texts and reads no markup in
    them. No clock goes in, nor any font of the machine.

    Args:
        template: a typst file that reads nothing but `page.json` and the pictures.
        page: texts and numbers, as JSON takes them.
        pictures: SVG or PNG by file name.

    Raises:
        MachineError: the page cannot be set; a fault of ours.
    """
    import pylopdf_fonts_zh_cn
    import typst

    fonts = Path(str(pylopdf_fonts_zh_cn.sans_path())).parent
    with tempfile.TemporaryDirectory(prefix="sandwatch-page-") as folder:
        main = Path(shutil.copy(template, folder))
        (main.parent / "page.json").write_text(json.dumps(page, ensure_ascii=False), encoding="utf-8")
        for name, content in (pictures or {}).items():
            (main.parent / name).write_bytes(content)
        try:
            done: bytes = typst.compile(
                str(main), root=folder, font_paths=[str(fonts)], ignore_system_fonts=True, timestamp=0
            )
        except typst.TypstError as error:
            raise MachineError(
                f"the page of {template.name} could not be set ({error}); report this, it is a fault of ours"
            ) from error
    return done
