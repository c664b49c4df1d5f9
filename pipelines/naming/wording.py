"""The words of the workbook of questions (Chinese: it goes to bureaus, sites and their vendors)."""

from __future__ import annotations

from pipelines.contracts import Contract
from pipelines.feeds.questions import code_column
from pipelines.feeds.reasons import column_label

ASKED = {
    "unknown_site": "站点“{subject}”不在站点名录中，是名录里的哪个站点？",
    "unknown_product": "产品“{subject}”不在产品表中，是哪种产品？",
    "unknown_column": "文件中的列“{subject}”没有约定，是什么内容？",
    "unknown_county": "县区代码“{subject}”不在区划表中，是否有误？",
    "date_far_off": "日期 {subject} 与其他各行相差太远，是否有误？",
    "number_reused": "同一单号用于不同车辆或不同日期，编号是否会重新开始？",
    "key_repeated": "同一文件中同一对象（{subject}）有多行不同内容，已按最后一行计；是否正确？",
    "correction_obsolete": "更正“{subject}”所针对的错误，来源已自行改正；是否撤销该更正？",
}
STATES = {"open": "待答", "waiting": "已答，未生效", "settled": "已答复"}
HELP = (
    "1. 请只填写“答案”“答复人”“答复日期”“备注”四列，其余各列请勿改动；不清楚的可以留空，下次再答。",
    "2. “答案”请尽量从单元格的下拉列表中选择。“相近名称”由程序按字形比对得出，仅供参考。",
    "3. 站点：选择名录中的站点；新站点请补报站点名录，入库后此问自动关闭；确属名录之外的站点选“{site}”。",
    "4. 产品：选择标准产品名称；不属于砂石产品的选“{product}”。",
    "5. 列：无用的列选“{column}”；选择其他列名后，须由维护人员在来源配置中补一行方可读入，导入时会给出该行内容。",
    "6. 代码用词：选择对应取值，须由维护人员在来源配置中补一行；不必读取的选“{code}”。其他问题：无误填“{other}”。",
    "7. 状态为“已答复”的行列出以往的答案；如需更正，直接修改其答案，以最后一次导入为准。",
    "8. 填写后保存，执行 sandwatch names import 文件名.xlsx 导入，再执行 sandwatch run 重新计算。",
)


def asked(contract: Contract, kind: str, subject: str) -> str:
    """Return a question in a sentence."""
    shown = subject if len(subject) <= 80 else f"{subject[:80]}…"
    if column := code_column(contract, kind):
        return f"“{column_label(contract, column, 'zh')}”列的用词“{shown}”没有约定，是什么意思？"
    return ASKED.get(kind, "{subject}：请核对").format(subject=shown)
