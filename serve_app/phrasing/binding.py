"""Between which two words a voice may pause: not after an article or a preposition, not inside a verb."""

# Words that lean on the next one: articles, prepositions, conjunctions, possessives, auxiliaries, degree words.
_ENGLISH = """
a an the this these those my your his her its our their no some any every each
of in on at to for from with by about as into over under between through during without like than
near across along around behind after before and or but nor so because if when while
that which who whose what how where why is are was were be been being am do does did have has had
can could will would shall should may might must not don't doesn't didn't isn't aren't wasn't can't won't
i'm it's you're we're they're that's there's let's i'd you'd i'll you'll we'll i've you've we've
very too more most really quite just also there mr mrs ms dr
"""
_SPANISH = """
el la los las un una unos unas mi mis tu tus su sus nuestro nuestra este esta estos estas ese esa del al
de en con por para sin sobre entre desde hasta hacia según cerca tras ante y e o u ni pero que si como cuando
donde porque es son era fue está están estoy soy eres ser estar ha han he hay muy más menos tan
se me te le nos les lo qué cómo cuál quién dónde cada todo toda todos todas puede puedes puedo
"""
_LEANING = frozenset(_ENGLISH.split() + _SPANISH.split())
_PRONOUNS = "i you he she it we they yo tú él ella usted nosotros ellos ustedes"
_SUBJECTS = frozenset(_PRONOUNS.split())
"""Subjects lean on their verb, unless one of the next words shows that they were objects."""
_LINKS = """
of in on at to for from with by about as and or but so because if when while that which who
de en con por para sin y o pero que si cuando porque
"""
_LINKING = frozenset(_LINKS.split())
_OBJECTS = "of me you him her it us them 's de"
_TRAILING = frozenset(_OBJECTS.split())
"""Words that belong to the one before."""

# Chinese, by character: what never ends a clause, and what never begins one.
_HAN_LEANING = frozenset("在和与或把被从对向给让很太更最不没一这那每几个是有想会能可我你他她它")
_HAN_TRAILING = frozenset("的地得了着过们吗呢吧啊呀个是们")


def may_part(before: str, after: str) -> bool:
    """Whether a pause may stand between two neighbouring words, or two Chinese characters, without punctuation."""
    left, right = _bare(before), _bare(after)
    if not left or not right:
        return True
    if left[-1] in _HAN_LEANING or right[0] in _HAN_TRAILING or left in _LEANING or right in _TRAILING:
        return False
    if left in _SUBJECTS:
        return right in _LINKING
    return not (left[-1].isdigit() or right[0].isdigit())


def _bare(word: str) -> str:
    return word.strip("\"'“”‘’«»()[]{}¿¡!?.,;:，。！？；：、…—–（）《》「」").lower().replace("’", "'")
