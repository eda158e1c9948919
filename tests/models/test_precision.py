import pytest

from vultus.models.precision import best_precision, cpu_flags, int8_weight_bits

VNNI, AVX_VNNI, ARM = {"avx2", "avx512f", "avx512_vnni"}, {"avx2", "avx_vnni"}, {"fp", "asimddp", "i8mm"}


@pytest.mark.parametrize(
    ("setting", "flags", "precision", "reason"),
    [
        ("auto", VNNI, "int8", "the processor has avx512_vnni"),
        ("auto", AVX_VNNI, "int8", "the processor has avx_vnni"),
        ("auto", ARM, "int8", "the processor has dotprod and i8mm"),
        ("auto", {"avx2", "avx512f"}, "int8", "avx2 and no VNNI, so weights are stored in 7 bits"),
        ("auto", {"sse4_2", "avx"}, "fp32", "no fast 8-bit arithmetic"),
        ("auto", {"fp", "asimddp"}, "fp32", "no fast 8-bit arithmetic"),
        ("auto", set(), "fp32", "no fast 8-bit arithmetic"),
        ("fp32", VNNI, "fp32", "asked for by the settings"),
        ("int8", VNNI, "int8", "asked for by the settings; the processor has avx512_vnni"),
        ("int8", {"avx2"}, "int8", "asked for by the settings; the processor has avx2 and no VNNI"),
        ("int8", set(), "int8", "asked for by the settings; this processor is not known to be fast"),
    ],
)
def test_best_precision(setting, flags, precision, reason):
    choice = best_precision(setting, frozenset(flags))
    assert choice.precision == precision
    assert reason in choice.reason


@pytest.mark.parametrize(
    ("flags", "bits"),
    [(VNNI, 8), (AVX_VNNI, 8), (ARM, 8), ({"avx2", "avx512f"}, 7), ({"fp", "asimddp"}, 7), (set(), 7)],
)
def test_weights_take_7_bits_where_nothing_multiplies_8_without_error(flags, bits):
    assert int8_weight_bits(frozenset(flags)) == bits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx_vnni\n\nprocessor\t: 1\nflags\t\t: other\n", {"fpu", "avx_vnni"}),
        ("processor\t: 0\nFeatures\t: fp asimddp i8mm\n", {"fp", "asimddp", "i8mm"}),
        ("nothing of the kind", set()),
    ],
)
def test_cpu_flags_are_those_of_the_first_processor(tmp_path, text, expected):
    (tmp_path / "cpuinfo").write_text(text)
    assert cpu_flags(tmp_path / "cpuinfo") == expected


def test_a_system_without_the_file_has_no_flags(tmp_path):
    assert cpu_flags(tmp_path / "absent") == frozenset()
