"""Ids as the speakers of living scripts write them pass, what nobody sees is refused, look-alikes are found."""
# ruff: noqa: RUF001 (letters that look like others are what is tested here)

import unicodedata

import pytest

from vultus.identifiers import canonical, check_name, check_subject
from vultus.lookalikes import look_alike, skeleton

NAMES = {
    "Latin": "Zoë Nuñez-O’Brien",
    "Vietnamese": "Nguyễn Thị Hồng",
    "Yoruba": "Ọláwálé Ṣóyínká",
    "Polish": "Łucja Świątek",
    "Turkish": "Işıl İnan",
    "Greek": "Ἀριστοτέλης Παπαδόπουλος",
    "Cyrillic": "Юлія Шевченко-Ґедройць",
    "Armenian": "Հայկ Տեր-Պետրոսյան",
    "Georgian": "ნინო ბერიძე",
    "Hebrew": "שָׂרָה בֶּן־דָּוִד",
    "Arabic": "مُحَمَّد عبد الله",
    "Persian": "علی‌رضا نیک‌نام",
    "Urdu": "نورجہاں",
    "Syriac": "ܝܫܘܥ",
    "N'Ko": "ߛߎߟߏߡߊߣߊ ߞߊ߲ߕߍ",
    "Devanagari": "श्रीकृष्ण शर्मा",
    "Marathi": "सौर्‍या",
    "Bengali": "রবীন্দ্রনাথ ঠাকুর",
    "Gurmukhi": "ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ",
    "Gujarati": "મહાત્મા ગાંધી",
    "Tamil": "தமிழ்ச்செல்வி",
    "Telugu": "శ్రీనివాస్",
    "Kannada": "ಕುವೆಂಪು",
    "Malayalam": "രാമന്‍",
    "Sinhala": "ශ්‍රීමාවෝ",
    "Thai": "สมชาย ใจดี",
    "Lao": "ບຸນມີ",
    "Burmese": "အောင်ဆန်းစုကြည်",
    "Khmer": "សុខា​ចាន់",
    "Tibetan": "བསྟན་འཛིན་རྒྱ་མཚོ",
    "Ethiopic": "ኃይለ ሥላሴ",
    "Cherokee": "ᏍᏏᏉᏯ",
    "Inuktitut": "ᐊᓪᓚᑲᖅ",
    "Mongolian": "ᠴᠢᠩᠭᠢᠰ ᠬᠠᠭᠠᠨ",
    "Hangul": "김철수",
    "Hangul Jamo": "\u1112\u119e\u11ab",
    "Han": "孫悟空",
    "Han, extension B": "𠮷野",
    "Han with a variation": "葛\U000e0100城",
    "Japanese": "ヴァン・ヘイレン まり子",
    "Javanese": "ꦱꦸꦏꦂꦤ",
    "Balinese": "ᬓᬢᬸᬢ᭄",
    "Tifinagh": "ⵎⴰⵙⵉⵏⵉⵙⴰ",
    "Vai": "ꕙꔤ",
    "Adlam": "𞤀𞤣𞤢𞤥",
    "Chakma": "𑄌𑄋𑄴𑄟𑄳𑄦",
    "Hanifi Rohingya": "𐴌𐴟𐴇𐴥𐴝𐴚𐴒𐴙𐴝",
    "Osage": "𐓏𐓘𐓻𐓘𐓻𐓟",
}
ALIKE = {
    "composed in another way": ("José", "Jose\u0301"),
    "case": ("Anna", "anna"),
    "case, sharp s": ("STRASSE", "straße"),
    "width": ("Ａｎｎａ", "Anna"),
    "half-width Katakana": ("ﾀﾅｶ", "タナカ"),
    "Cyrillic in Latin": ("p\u0430ypal", "paypal"),
    "Cyrillic, upper case": ("АННА", "AHHA"),
    "Cyrillic with another case": ("P\u0410YPAL", "paypal"),
    "Greek": ("ΝΙΚΟΣ", "NIKO\u03a3"),
    "Cherokee": ("\u13aaL", "AL"),
    "capital i and l": ("paypaI", "paypal"),
    "digits": ("user1", "userl"),
    "no-break space": ("Anna\u00a0B", "Anna B"),
    "apostrophe": ("O'Neil", "O’Neil"),
    "hyphen": ("Anna\u2011B", "Anna-B"),
    "yeh": ("علي", "علی"),
    "joiner": ("علی‌رضا", "علیرضا"),
    "two sara e": ("เเดง", "แดง"),
    "Katakana and Han": ("ニ", "二"),
    "variation": ("葛\U000e0100城", "葛城"),
}
DIFFERENT = [
    ("José", "Jose"),
    ("ali", "all"),
    ("ALI", "ALL"),
    ("van", "nan"),
    ("анна", "anna"),
    ("employee-10", "employee-11"),
    ("Anna", "Anne"),
    ("שרה", "שירה"),
]
REFUSED = {
    "control": "a\x07b",
    "bidi override": "anna\u202egpj.exe",
    "bidi isolate": "\u2067anna",
    "bidi mark": "anna\u200fb",
    "word joiner": "an\u2060na",
    "byte-order mark": "an\ufeffna",
    "soft hyphen": "an\u00adna",
    "tag": "anna\U000e0041",
    "joiner that joins nothing": "an\u200dna",
    "zero-width space in Latin": "an\u200bna",
    "line separator": "an\u2028na",
    "noncharacter": "an\ufdd0na",
    "noncharacter of a plane": "an\U0001ffffna",
    "surrogate": "an\ud800na",
    "nothing to be seen": "\u3164",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_of_living_scripts_pass_as_ids_and_names(name, form):
    written = unicodedata.normalize(form, name)
    assert check_subject(written) == written
    assert check_name(written) == canonical(name)


def test_no_two_of_these_names_look_alike():
    assert len({skeleton(name) for name in NAMES.values()}) == len(NAMES)


@pytest.mark.parametrize(("first", "second"), ALIKE.values(), ids=ALIKE.keys())
def test_ids_that_look_alike_are_found_by_the_same_skeleton(first, second):
    assert look_alike(first, second)
    assert look_alike(second, first)
    assert skeleton(first) == skeleton(second)


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_ids_that_differ_to_the_eye_are_not_alike(first, second):
    assert not look_alike(first, second)


def test_an_id_is_not_alike_to_itself():
    assert not look_alike("anna", "anna")


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED.keys())
def test_what_nobody_sees_is_refused_with_a_sentence_that_prints(value):
    with pytest.raises(ValueError, match="must") as caught:
        check_subject(value)
    assert str(caught.value).isprintable()


def test_the_length_is_that_of_the_composed_form():
    assert check_subject("e\u0301" * 256)
    with pytest.raises(ValueError, match="1 to 256 characters, not 257"):
        check_subject("e\u0301" * 257)
