"""Rules: what each operation does to jets, and the curvature that it adds."""

from gnlab.summaries.rules.calls import UNUSUAL, Call, CaseError, NoRuleError, Rule, unknown_case
from gnlab.summaries.rules.formulas import FORMULAS
from gnlab.summaries.rules.table import APART, CURVED, KINDS, LAYERS, RULES, called

__all__ = [
    "APART",
    "CURVED",
    "FORMULAS",
    "KINDS",
    "LAYERS",
    "RULES",
    "UNUSUAL",
    "Call",
    "CaseError",
    "NoRuleError",
    "Rule",
    "called",
    "unknown_case",
]
