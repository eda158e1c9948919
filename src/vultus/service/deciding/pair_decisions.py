"""Decisions on pairs (1:1): the threshold that a request means, settled for each pair, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vultus.errors import InvalidRequest
from vultus.matching.decision import explicit_rule, to_similarity
from vultus.records.answers import Metric, ThresholdRule
from vultus.records.stored import CollectionPolicies
from vultus.service.context import Model, ServiceContext
from vultus.service.evidence import Evidence
from vultus.service.policies import NO_POLICIES, default_fmr

PairDecision = Literal["match", "no_match", "unreliable"]


@dataclass(frozen=True)
class PairRule:
    """The rule of a request. policy: that of the collection, which the caller's own threshold may not loosen."""

    context: ServiceContext
    rule: ThresholdRule
    policy: ThresholdRule | None = None

    def at(self, similarity: float, score: float) -> ThresholdRule:
        """The rule for a pair of this similarity and score. Raises PolicyLoosened."""
        if self.policy is None:
            return self.rule.at(similarity, score)
        policy = self.policy.at(similarity, score)
        return explicit_rule(self.rule.model_id, self.context.effective_threshold(self.rule.similarity, policy))


def pair_rule(
    context: ServiceContext,
    model: Model,
    metric: Metric,
    target_fmr: float | None,
    threshold: float | None,
    policies: CollectionPolicies = NO_POLICIES,
    faces: int = 0,
) -> PairRule:
    """The threshold of a comparison, from what the request says or else the policy.

    threshold: a distance in `metric`. faces: how many are enrolled in the gallery that scores are relative to.
    Raises InvalidRequest; PolicyLoosened.
    """
    if threshold is None:
        table = model.thresholds()
        rate = context.effective_limit("target_fmr", target_fmr, policies, otherwise=default_fmr(table))
        return PairRule(context, table.for_fmr(rate, faces))
    if target_fmr is not None:
        raise InvalidRequest("threshold and target_fmr are both given; give one of them")
    asked = explicit_rule(model.id, to_similarity(threshold, metric))
    policy = None if policies.target_fmr is None else model.thresholds().for_fmr(policies.target_fmr, faces)
    if policy is not None and policy.score is None:  # the same for every pair, so refused before the work
        asked = explicit_rule(model.id, context.effective_threshold(asked.similarity, policy))
        policy = None
    return PairRule(context, asked, policy)


def verdict(rule: ThresholdRule, evidence: Evidence, similarity: float, score: float) -> tuple[PairDecision, str]:
    """The decision on a pair, with the reason in words. The caller's own threshold promises no rate, so it decides."""
    explicit = rule.kind == "explicit"
    if evidence.unreliable is not None and not explicit:
        return "unreliable", evidence.unreliable
    if evidence.no_face and not explicit:
        return "no_match", "no face was found in an image, and without one nothing speaks for the same person"
    reached = rule.reached(similarity, score)
    name, value, limit = (
        ("similarity", similarity, rule.similarity) if rule.score is None else ("score", score, rule.score)
    )
    return "match" if reached else "no_match", (
        f"the {name} {value:.3f} {'reaches' if reached else 'is below'} the threshold {limit:.3f}"
    )
