"""Models that a request names and that cannot serve it: what answers in their place, and the caution that says so."""

from __future__ import annotations

from vultus.errors import InvalidRequest, ModelNotInstalled, VultusError
from vultus.records.cautions import Caution
from vultus.records.stored import Collection
from vultus.service.context import Model, ServiceContext

Cautions = tuple[Caution, ...]


def embedding_model(context: ServiceContext, name: str | None) -> tuple[Model, Cautions]:
    """The model of a name, or the default in place of one that is not installed, with the caution that says so.

    Raises ModelNameNotAllowed; ModelNotInstalled where the operator wants a refusal.
    """
    return _named_or_default(context, name, decides=False)


def deciding_model(context: ServiceContext, name: str | None, threshold: float | None) -> tuple[Model, Cautions]:
    """The model of a name, or the default in place of one that is not installed or not calibrated.

    threshold: the caller's own, meant for the named model, so that nothing answers in its place. Raises as
    `embedding_model`; InvalidRequest where the operator wants a refusal.
    """
    if threshold is not None:
        return context.models.resolve(name), ()
    return _named_or_default(context, name, decides=True)


def bound_model(
    context: ServiceContext, collection: str, name: str | None, threshold: float | None
) -> tuple[Collection, Model, Cautions]:
    """A collection and its model, which decides in place of a named one as the default does in `deciding_model`.

    Raises as that; CollectionNotFound; ModelMismatch for another model that could decide.
    """
    problem = None if threshold is not None else _problem(context, name, decides=True)
    if name is None or problem is None:
        return *context.bound_collection(collection, name), ()
    _default(context, name, problem)
    gallery, model = context.bound_collection(collection, None)
    return gallery, model, (_caution(problem, model),)


def model_of_vectors(
    context: ServiceContext, name: str | None, threshold: float | None, lengths: set[int]
) -> tuple[Model, Cautions]:
    """The model that made vectors of these lengths: the named one, or the default, which /represent used in its place.

    Vectors that the named model may have made are not taken for the default's. Raises as `embedding_model`.
    """
    if threshold is not None:
        return context.models.resolve(name), ()
    model, cautions = embedding_model(context, name)
    if cautions and name is not None and _length(context, name) in lengths:
        return context.models.resolve(name), ()
    return model, cautions


def _length(context: ServiceContext, name: str) -> int | None:
    """Of the embeddings of a named model; None for a name without a card."""
    try:
        return context.models.served(name).dimension
    except ModelNotInstalled:
        return None


def _named_or_default(context: ServiceContext, name: str | None, *, decides: bool) -> tuple[Model, Cautions]:
    problem = _problem(context, name, decides=decides)
    if problem is None:
        return context.models.resolve(name), ()
    default = _default(context, name, problem)
    return default, (_caution(problem, default),)


def _problem(context: ServiceContext, name: str | None, *, decides: bool) -> VultusError | None:
    try:
        model = context.models.resolve(name)
        if decides:
            model.thresholds()
    except (ModelNotInstalled, InvalidRequest) as exc:
        return exc
    return None


def _default(context: ServiceContext, name: str | None, problem: VultusError) -> Model:
    if name is None or context.policy.refuse_unavailable_models:
        raise problem
    return context.models.resolve(None)


def _caution(problem: VultusError, model: Model) -> Caution:
    what = str(problem).partition(";")[0]  # the way out names folders of the server
    sentence = (
        f"{what}: {model.id} answers in its place; vectors and distances of two models do not compare, and they "
        f"differ in length ({model.dimension} numbers here); "
    )
    if isinstance(problem, ModelNotInstalled):
        return Caution("model_not_installed", "model_name", f"{sentence}`vultus models list` shows what can be added")
    return Caution("model_not_calibrated", "model_name", f"{sentence}to use it, send a threshold or calibrate it")
