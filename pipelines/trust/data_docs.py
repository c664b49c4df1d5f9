"""The Data Docs of Great Expectations made to stand alone, with an index of our own.

GX's pages load style sheets, scripts, fonts and a logo from outside, the latter with an id. Here they lose all
of that and get one style sheet inside the page; the browser is told to load and run nothing else. GX's index is
drawn by a script, so ours replaces it and lists every check of the run, those in SQL too.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipelines.errors import MachineError
from pipelines.trust.check_result import CheckResult

# Even if a value in the data were markup, nothing would run or be fetched.
POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    '<link rel="icon" href="data:,">'
)
# Inside tags only: a value of the data that reads like an address is text and harmless.
OUTSIDE = re.compile(
    r"""<[^<>]*(?:(?:src|href|action|srcset|poster|data)\s*=\s*["']?\s*(?:https?:)?//|url\()""", re.IGNORECASE
)
REMOVED = (
    re.compile(r"<script\b.*?</script\s*>", re.DOTALL | re.IGNORECASE),
    re.compile(r"<style\b.*?</style\s*>", re.DOTALL | re.IGNORECASE),
    re.compile(r"<footer\b.*?</footer\s*>", re.DOTALL | re.IGNORECASE),
    re.compile(r"<title\b.*?</title\s*>", re.DOTALL | re.IGNORECASE),
    re.compile(r"<(?:link|img|iframe|source)\b[^>]*>", re.IGNORECASE),
    re.compile(r"""\son\w+\s*=\s*(?:"[^"]*"|'[^']*')""", re.IGNORECASE),
)
OUTSIDE_LINK = re.compile(r"""<a\b[^>]*href\s*=\s*["']?(?:https?:)?//[^>]*>(.*?)</a\s*>""", re.DOTALL | re.IGNORECASE)

CSS = """
:root{--ink:#1f2933;--soft:#5b6770;--line:#d9dee3;--ground:#f5f7f9;--bad:#b42318;--good:#1a7f4b;--warn:#9a6700}
*{box-sizing:border-box}
body{margin:0;color:var(--ink);background:#fff;font:15px/1.55 "Noto Sans SC","Source Han Sans SC","PingFang SC",
"Microsoft YaHei",system-ui,sans-serif}
a{color:#1f5f99;text-decoration:none}a:hover{text-decoration:underline}
h1{font-size:22px;margin:0 0 4px}h4,h5,h6{margin:0 0 4px;font-size:16px}p{margin:0 0 6px}
body>.navbar{padding:10px 24px;height:auto!important;border-bottom:1px solid var(--line);background:var(--ground)}
.navbar-brand{display:none}
ol.ge-breadcrumbs{list-style:none;display:flex;gap:10px;margin:0;padding:0}
ol.ge-breadcrumbs li+li::before{content:"/";margin-right:10px;color:var(--soft)}
.container-fluid{padding:0}body>.container-fluid{padding:20px 24px 40px}
body>.container-fluid>.row{display:flex;gap:28px;align-items:flex-start}
body>.container-fluid>.row>.col-lg-2{flex:0 0 210px;position:sticky;top:16px}
body>.container-fluid>.row>.col-lg-10{flex:1 1 auto;min-width:0}
.lead,.card-header{color:var(--soft)}.sticky>.card.mb-3{display:none}
.card{border:1px solid var(--line);border-radius:6px;margin:8px 0}
.card-header{padding:6px 10px;background:var(--ground)}
.nav,.nav-pills{list-style:none;margin:0;padding:6px 10px}.nav-link{display:block;padding:2px 0}
.ge-section{margin-bottom:26px}.alert{padding:8px 12px;border-radius:6px;background:var(--ground)}
.alert-secondary>div:first-child h5{font-size:18px}
table{border-collapse:collapse;width:100%;margin:8px 0}.table-sm{width:auto}
th,td{border:1px solid var(--line);padding:6px 10px;text-align:left;vertical-align:top;overflow-wrap:anywhere}
th{background:var(--ground);font-weight:600;white-space:nowrap}
td code{overflow-wrap:normal}td.short{white-space:nowrap}
tr.fail td{background:#fdf3f2}tr.broken td{background:#fdf8ec}
.collapse{display:none;padding:10px}.collapse:target{display:block}
.collapse table table{margin:0;border:0}
.badge{display:inline-block;border:1px solid var(--line);border-radius:4px;padding:0 6px;background:var(--ground)}
.code-snippet,code,pre{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:13px}
.text-success,.good{color:var(--good)}.text-danger,.bad{color:var(--bad)}.text-warning,.warn{color:var(--warn)}
.fa-check-circle::before,.fa-check::before{content:"\\2713"}
.fa-times::before,.fa-times-circle::before{content:"\\2717"}
.fa-exclamation-triangle::before,.fa-exclamation-circle::before{content:"!"}
i.fas{font-style:normal;font-weight:700}
.cooltip .top{display:none}
main{max-width:1180px;margin:0 auto;padding:24px}.soft{color:var(--soft)}.count{font-variant-numeric:tabular-nums}
@media(max-width:800px){body>.container-fluid>.row{display:block}main{padding:12px}}
"""

WORDS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "title": "数据检查",
        "intro": "检查回答“数据可信吗”，与是否违规无关。关键检查未通过时暂停发布，保留上一版本。",
        "counts": "第 {run} 次检查：{total} 项，通过 {passed}，未通过 {failed}，检查程序出错 {broken}。",
        "feed": "数据", "check": "检查", "severity": "级别", "state": "结果", "message": "说明",
        "pages": "各类数据的检查明细", "suite": "检查内容", "validation": "检查结果", "none": "未报送，无明细",
        "passed": "✓ 通过", "failed": "✗ 未通过", "broken": "! 程序出错",
        "critical": "关键", "warning": "提示", "info": "参考",
    },
    "en": {
        "title": "Data checks",
        "intro": "A check tells whether data is trusted, not whether a rule is breached. While a critical check"
        " fails nothing is published and the last edition stays.",
        "counts": "Run {run}: {total} checks, {passed} passed, {failed} failed, {broken} broke.",
        "feed": "Data", "check": "Check", "severity": "Severity", "state": "Result", "message": "Message",
        "pages": "Pages by feed", "suite": "what is asked", "validation": "what was found", "none": "never sent",
        "passed": "✓ passed", "failed": "✗ failed", "broken": "! broke",
        "critical": "critical", "warning": "warning", "info": "info",
    },
}  # fmt: skip

INDEX = """<!DOCTYPE html>
<html lang="{{ language }}">
<head><meta charset="UTF-8">{{ policy|safe }}<title>{{ words.title }}</title>
<meta name="viewport" content="width=device-width, initial-scale=1.0"><style>{{ css|safe }}</style></head>
<body><main>
<h1>{{ words.title }}</h1>
<p>{{ counts }}</p><p class="soft">{{ words.intro }}</p>
<table><thead><tr><th>{{ words.state }}</th><th>{{ words.severity }}</th><th>{{ words.check }}</th>
<th>{{ words.message }}</th></tr></thead><tbody>
{% for row, state in rows -%}
<tr class="{{ {'failed': 'fail', 'broken': 'broken'}.get(state, '') }}">
<td class="short {{ {'failed': 'bad', 'broken': 'warn'}.get(state, 'good') }}">{{ words[state] }}</td>
<td class="short">{{ words.get(row.severity, row.severity) }}</td>
<td><code>
{%- for part in row.check_name.split(".") %}{{ part }}{% if not loop.last %}.<wbr>{% endif %}{% endfor -%}
</code></td>
<td>{{ row.message }}</td></tr>
{% endfor -%}
</tbody></table>
<h4>{{ words.pages }}</h4>
<table class="table-sm"><tbody>
{% for feed, suite, validation in pages -%}
<tr><td><code>{{ feed }}</code></td><td>
{%- if suite %}<a href="{{ suite }}">{{ words.suite }}</a>{% endif %}
{%- if validation %} · <a href="{{ validation }}">{{ words.validation }}</a>{% endif %}
{%- if not suite %}<span class="soft">{{ words.none }}</span>{% endif %}</td></tr>
{% endfor -%}
</tbody></table>
</main></body></html>
"""


def publish(partial: Path, docs: Path, results: Iterable[CheckResult], run_id: int, language: str) -> None:
    """Make the pages GX built in `partial` stand alone, add our index, and put them in the place of `docs`.

    Raises:
        MachineError: a page would still load something from outside; the pages of the last run stay.
    """
    partial.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(partial / "static", ignore_errors=True)
    for page in partial.rglob("*.html"):
        page.write_text(alone(page.read_text(encoding="utf-8"), page.stem), encoding="utf-8")
    (partial / "index.html").write_text(index_page(partial, results, run_id, language), encoding="utf-8")
    # The pages may show a few values that failed: they are for those who may see the regulator's edition.
    partial.chmod(0o750)
    old = docs.with_name(".data_docs.old")
    shutil.rmtree(old, ignore_errors=True)
    if docs.exists():
        docs.replace(old)
    partial.replace(docs)
    shutil.rmtree(old, ignore_errors=True)


def alone(html: str, title: str) -> str:
    """Return a GX page without scripts and without anything from outside, in our own style.

    Raises:
        MachineError: an outside address is left.
    """
    for pattern in REMOVED:
        html = pattern.sub("", html)
    html = OUTSIDE_LINK.sub(r"\1", html)
    head = f'<head><meta charset="UTF-8">{POLICY}<title>{title}</title><style>{CSS}</style>'
    html = re.sub(r"<head>", lambda _: head, html, count=1)
    if left := OUTSIDE.search(html):
        raise MachineError(
            f"Data Docs page {title} would load from outside near {html[left.start() : left.start() + 120]!r};"
            " the pages of the last run stay. Extend what data_docs.alone removes to this version of GX"
        )
    return html


def index_page(folder: Path, results: Iterable[CheckResult], run_id: int, language: str) -> str:
    """Return the index: every check of the run, failures first, and links to GX's pages in the folder."""
    from jinja2 import Environment

    from pipelines import contracts

    words = WORDS[language]
    rows = [(row, _state(row)) for row in results]
    order = ("broken", "failed", "passed", "critical", "warning", "info")
    rows.sort(key=lambda pair: (order.index(pair[1]), order.index(pair[0].severity)))
    count = {state: sum(found == state for _, found in rows) for state in ("passed", "failed", "broken")}
    pages = []
    for feed in contracts.contracts():
        suite = folder / "expectations" / f"{feed}.html"
        validation = sorted((folder / "validations" / feed).rglob("*.html"))
        pages.append(
            (
                feed,
                suite.relative_to(folder).as_posix() if suite.exists() else None,
                validation[-1].relative_to(folder).as_posix() if validation else None,
            )
        )
    template = Environment(autoescape=True).from_string(INDEX)
    return template.render(
        language=language,
        policy=POLICY,
        css=CSS,
        words=words,
        counts=words["counts"].format(run=run_id, total=len(rows), **count),
        rows=rows,
        pages=pages,
    )


def _state(result: CheckResult) -> str:
    if result.is_machine_error:
        return "broken"
    return "passed" if result.is_success else "failed"
