"""From the page's data to the bytes of a PDF: the same data give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.errors import MachineError

TEMPLATE = Path(__file__).with_name("page.typ")


def pdf(page: Mapping[str, Any]) -> bytes:
    """Return the PDF of a page of `page.page`, with text that can be searched and the packaged font in it.

    The page goes in as data: the template shows its texts and reads no markup in them. No clock goes in, nor any font
    of the machine.

    Raises:
        MachineError: the page cannot be set; a fault of ours.
    """
    import pylopdf_fonts_zh_cn
    import typst

    fonts = Path(str(pylopdf_fonts_zh_cn.sans_path())).parent
    try:
        done: bytes = typst.compile(
            str(TEMPLATE),
            font_paths=[str(fonts)],
            ignore_system_fonts=True,
            sys_inputs={"page": json.dumps(page, ensure_ascii=False)},
            timestamp=0,
        )
    except typst.TypstError as error:
        raise MachineError(
            f"the evidence page could not be set ({error}); report this, it is a fault of ours"
        ) from error
    return done
