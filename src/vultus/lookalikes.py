"""Which ids look the same to a person: another case, another width, letters of another script, invisible characters.

Two ids look alike when they are equal without case, or once letters that are drawn the same are written as one, as
Unicode Technical Standard 39, section 4, does with its skeletons. The pairs below are those of its confusables in which
one glyph serves for both, of living scripts: Latin, Greek, Cyrillic, Armenian, Cherokee, Lisu, and spellings within
Arabic, Thai and Japanese. An accent is a difference: José and Jose are two names.
"""

from __future__ import annotations

from itertools import chain
from unicodedata import category, normalize

# The first of each pair is drawn like the second, and written as it in a skeleton.
_PAIRS = (
    ("01|", "Oll"),
    # Latin of other alphabets: dotless i, alpha, script g, clicks
    ("\u0131\u0251\u0261\u01c0", "iagl"),
    # Greek
    (
        "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03b1\u03b9\u03bd\u03bf\u03c1\u03c5",
        "ABEZHIKMNOPTYXaivopu",
    ),
    # Cyrillic
    (
        "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0423\u051a\u051c\u04ae",
        "ABESIJKMHOPCTXYQWY",
    ),
    ("\u0430\u0435\u0455\u0456\u0458\u043e\u0440\u0441\u0445\u0443\u051b\u051d\u04bb\u04cf\u0501", "aesijopcxyqwhld"),
    ("\u0413\u041f\u0424\u041b\u043a\u043f\u0444\u04c0", "\u0393\u03a0\u03a6\u039b\u03ba\u03c0\u03c6I"),
    # Armenian
    ("\u0585\u0578\u057d\u0570\u0566\u0581\u054d\u0555\u054f\u053c", "onuhqgUOSL"),
    # Cherokee
    (
        "\u13aa\u13f4\u13df\u13a0\u13ac\u13c0\u13bb\u13ab\u13e6\u13de\u13b7\u13e2\u13a1\u13da\u13a2\u13d9\u13b3\u13c3",
        "ABCDEGHJKLMPRSTVWZ",
    ),
    # Lisu
    (
        "\ua4ee\ua4d0\ua4da\ua4d3\ua4f0\ua4dd\ua4d6\ua4e7\ua4f2\ua4d9\ua4d7\ua4e1\ua4df\ua4e0\ua4f3\ua4d1\ua4e3\ua4e2"
        "\ua4d4\ua4f4\ua4e6\ua4ea\ua4eb\ua4ec\ua4dc",
        "ABCDEFGHIJKLMNOPRSTUVWXYZ",
    ),
    # Arabic and Persian: yeh, kaf, heh, digits
    ("\u064a\u0649\u0643\u06d5\u06c1\u06be", "\u06cc\u06cc\u06a9\u0647\u0647\u0647"),
    ("\u06f0\u06f1\u06f2\u06f3\u06f7\u06f8\u06f9", "\u0660\u0661\u0662\u0663\u0667\u0668\u0669"),
    # Katakana and the Han or Hiragana drawn like it
    ("\u30cb\u30ed\u30ab\u30bf\u30a8\u30c8\u30cf\u30d8\u30ea\u30fc", "二口力夕工卜八へり一"),
)
_PUNCTUATION = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u05be\ufe58\uff0d", "-"),
        **dict.fromkeys("\u2018\u2019\u201b\u02bc\u02bb\u02b9\u02bd\u2032\u00b4\u055a\u05f3\ua78c`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u2033\u05f4", '"'),
        **dict.fromkeys("\u2022\u2027\u30fb", "\u00b7"),
        "\u2800": " ",  # an empty pattern of Braille
    }
)
_ALIKE = str.maketrans(dict(chain.from_iterable(zip(*pair, strict=True) for pair in _PAIRS)))
_INVISIBLE = frozenset(  # Default_Ignorable_Code_Point that is not of category Cf, and the Arabic tatweel
    map(
        chr,
        chain(
            (0x034F, 0x0640, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0),
            range(0x180B, 0x1810),
            range(0xFE00, 0xFE10),
            range(0xE0100, 0xE01F0),
        ),
    )
)
_I_AS_L = ("I", "l")  # only as they are: without case, I is i, which has a dot
_TWO_SARA_E, _SARA_AE = "\u0e40\u0e40", "\u0e41"  # Thai


def look_alike(first: str, second: str) -> bool:
    """Whether two ids, that are not the same, look the same to a person."""
    one, other = _visible(first), _visible(second)
    drawn, other_drawn = one.translate(_ALIKE), other.translate(_ALIKE)
    return first != second and (
        _folded(one) == _folded(other)
        or _folded(drawn) == _folded(other_drawn)
        or drawn.replace(*_I_AS_L) == other_drawn.replace(*_I_AS_L)
    )


def skeleton(text: str) -> str:
    """The same for all ids that look alike, and for some more: for an index, whose finds `look_alike` checks."""
    return normalize("NFKC", normalize("NFKD", _folded(_visible(text))).translate(_CLASSES))


def is_visible(text: str) -> bool:
    """Whether anything can be seen of a text."""
    return not all(_is_invisible(character) or character.isspace() for character in text.translate(_PUNCTUATION))


def _visible(text: str) -> str:
    """Decomposed, one width, one kind of hyphen and apostrophe, without what cannot be seen."""
    decomposed = normalize("NFKD", text.translate(_PUNCTUATION)).replace(_TWO_SARA_E, _SARA_AE)
    return " ".join("".join(one for one in decomposed if not _is_invisible(one)).split())


def _is_invisible(character: str) -> bool:
    return character in _INVISIBLE or category(character) == "Cf"


def _folded(visible: str) -> str:
    return normalize("NFKC", normalize("NFKC", visible).casefold())


def _classes() -> dict[int, str]:
    """For each letter of the pairs, without case, the one that stands for all that pairs connect with it."""
    stands_for: dict[str, str] = {}

    def representative(letter: str) -> str:
        while letter in stands_for:
            letter = stands_for[letter]
        return letter

    pairs = [(a.casefold(), b.casefold()) for one in (*_PAIRS, _I_AS_L) for a, b in zip(*one, strict=True)]
    for first, second in pairs:
        one, other = representative(first), representative(second)
        if one != other:
            stands_for[one] = other
    return {ord(letter): representative(letter) for pair in pairs for letter in pair}


_CLASSES = _classes()
