"""An executable specification of a small deep-learning framework.

    dlspec.clauses          the normative text: each sentence a pytest function
    dlspec.catalogue        the table of ops: what each one is
    dlspec.oracle           independent answers
    dlspec.tolerance        how far from them is right
    dlspec.implementation   what the spec asks of an implementation
    dlspec.implementations  plugs for real ones
    dlspec.runner           the machinery of `dlspec verify`
"""

from dlspec.failure import ConformanceFailure, NotProvided

SPEC_VERSION = "1.0"
"""The version of the normative text: major where something that conformed may stop conforming."""

__all__ = ["SPEC_VERSION", "ConformanceFailure", "NotProvided"]
