"""JSON as it is read from callers: strict about what is text."""

import json

import pytest

from vultus.json_text import LoneSurrogate, parse_json

HALVES = [
    '"\\ud800"',
    '"a\\uDFFFb"',
    '{"\\ud800": 1}',
    '[{"a": [["\\udc00\\ud800"]]}]',
    '"\\ud83d\\ud83d\\ude00"',
    b'"\xed\xa0\x80"',
]


@pytest.mark.parametrize("text", HALVES[:-1])
def test_half_of_a_surrogate_pair_is_refused_wherever_it_is(text):
    with pytest.raises(LoneSurrogate):
        parse_json(text)
    with pytest.raises(LoneSurrogate):
        parse_json(text.encode())


def test_a_surrogate_in_bytes_is_no_utf_8():
    with pytest.raises(ValueError, match="utf-8"):
        parse_json(b'"\xed\xa0\x80"')
    with pytest.raises(LoneSurrogate):
        parse_json('"\ud800"')


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_whole_pairs_pass_in_every_encoding_of_json(encoding):
    document = r'{"\ud83d\ude00": ["\ud842\udfb7", "\\ud800"]}'
    assert parse_json(document.encode(encoding)) == {"\U0001f600": ["\U00020bb7", "\\ud800"]}
    assert parse_json(document) == json.loads(document)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "[" * 9_000, "{", ""])
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"value|Expecting|nested"):
        parse_json(text)
