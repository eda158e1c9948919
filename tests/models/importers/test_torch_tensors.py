"""The reader of PyTorch's old files: what it reads, and that it executes nothing of what it refuses."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest

from tests.models.importers import torch_bytes as written
from vultus.errors import ModelInvalid
from vultus.models.importers.torch_tensors import read_tensors

RNG = np.random.default_rng(11)
ARRAYS = {
    "module.conv.weight": RNG.normal(size=(4, 3, 3, 3)).astype(np.float32),
    "module.bn.bias": RNG.normal(size=4).astype(np.float32),
    "module.bn.num_batches_tracked": np.array(7, np.int64),
}
WHOLE = written.torch_file(ARRAYS)


def test_tensors_are_read_by_name_with_their_shapes_and_types():
    found = read_tensors(WHOLE)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert np.array_equal(found[name], array)


def test_a_file_cut_anywhere_is_refused():
    for end in range(0, len(WHOLE), 7):
        with pytest.raises(ModelInvalid, match="no PyTorch file of tensors"):
            read_tensors(WHOLE[:end])


def test_whatever_byte_is_changed_the_file_is_read_or_refused():
    head = WHOLE.index(written.storage(ARRAYS["module.conv.weight"]))
    for place in range(head):
        changed = bytearray(WHOLE)
        changed[place] ^= 0x41
        with suppress(ModelInvalid):  # any other exception fails the test
            read_tensors(bytes(changed))


def with_state(state: bytes) -> bytes:
    return written.MAGIC + written.VERSION + written.SIZES + state


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (b"\x80\x02cos\nsystem\n" + written.text("touch executed") + b"\x85R.", "would call 'os.system'"),
        (
            b"\x80\x02cbuiltins\neval\n" + written.text("open('executed', 'w')") + b"\x85R.",
            "would call 'builtins.eval'",
        ),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93" + written.text("touch executed") + b"\x85R.", "SHORT_BINUNICODE"),
        (b"\x80\x02(" + written.text("touch executed") + b"ios\nsystem\n.", "a pickle with INST"),
        (b"\x80\x02ctorch\nFloatStorage\n)\x81.", "a pickle with NEWOBJ"),
        (b"\x80\x02ctorch\nFloatStorage\n)R.", "calls something with other arguments"),
        (b"\x80\x02ccollections\nOrderedDict\n" + b"(K\x01tR.", "calls something with other arguments"),
        (b"\x80\x02]." + written.listed([]), "does not hold tensors by name alone"),
    ],
)
def test_a_pickle_of_anything_else_is_named_and_never_executed(tmp_path, monkeypatch, state, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelInvalid, match=sentence):
        read_tensors(with_state(state))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (written.tensor("0", ARRAYS["module.bn.bias"], offset=1), "reaches beyond its storage"),
        (written.tensor("0", ARRAYS["module.bn.bias"], offset=-1), "do not lie one behind the other"),
        (written.tensor("0", ARRAYS["module.bn.bias"], steps=[2]), "do not lie one behind the other"),
        (written.tensor("0", ARRAYS["module.bn.bias"], elements=9), "cut off, or a storage has another size"),
        (written.tensor("9", ARRAYS["module.bn.bias"]), "are not those of its tensors"),
        (written.tensor("0", np.zeros((1,) * 5, np.float32)), "is of another kind"),
    ],
)
def test_a_tensor_that_does_not_fit_its_storage_is_refused(call, sentence):
    file = with_state(written.state({"a": call})) + written.listed(["0"]) + written.storage(ARRAYS["module.bn.bias"])
    with pytest.raises(ModelInvalid, match=sentence):
        read_tensors(file)


def test_what_follows_the_last_storage_is_refused():
    with pytest.raises(ModelInvalid, match="something follows"):
        read_tensors(WHOLE + b"\0")


def test_the_newer_form_is_named():
    with pytest.raises(ModelInvalid, match=r"PyTorch 1\.6 or later"):
        read_tensors(b"PK\x03\x04" + WHOLE)


def test_a_pickle_without_end_is_refused():
    endless = b"\x80\x02" + b"N0" * 5
    with pytest.raises(ModelInvalid, match="a pickle with POP"):
        read_tensors(with_state(endless))
    with pytest.raises(ModelInvalid, match="a pickle with NONE"):
        read_tensors(with_state(b"\x80\x02" + b"N" * 300_000 + b"."))
