from __future__ import annotations

import io
from zipfile import ZipFile

from vultus.service.exporting.zip_stream import zip_of


def test_a_zip_is_made_in_parts_while_its_entries_are_read():
    read = []

    def parts():
        for number in range(100):
            read.append(number)
            yield bytes(range(256)) * 400

    stream = zip_of([("a.jsonl", [b"{}\n"]), ("b.jpg", parts()), ("empty.json", [])])
    got, largest, lead = bytearray(), 0, []
    for chunk in stream:
        got += chunk
        largest = max(largest, len(chunk))
        lead.append(len(read) * 102_400 - len(got))
    assert largest < 250_000
    assert max(lead) < 250_000
    with ZipFile(io.BytesIO(got)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.jsonl", "b.jpg", "empty.json"]
        assert archive.read("b.jpg") == bytes(range(256)) * 40_000
        assert archive.read("empty.json") == b""
