"""Which slot answers whom."""

from deployments.llm.slots import SlotBoard


def test_a_conversation_goes_back_to_its_slot() -> None:
    board = SlotBoard(2)
    first, second = board.take(["a"]), board.take(["b"])
    assert {first, second} == {0, 1}
    board.give_back(second)
    board.give_back(first)
    for texts in (["a", "c"], ["a", "c", "d"], ["c", "d", "e"]):  # the last one lost its oldest turn
        slot = board.take(texts)
        assert slot == first
        board.give_back(slot)


def test_a_new_conversation_takes_the_slot_unused_for_longest() -> None:
    board = SlotBoard(3)
    used = [board.take([text]) for text in ("a", "b", "c")]
    for slot in used:
        board.give_back(slot)
    assert board.take(["a", "again"]) == used[0]
    board.give_back(used[0])
    assert board.take(["new"]) == used[1]
    assert board.take(["newer"]) == used[2]


def test_a_busy_slot_is_not_given() -> None:
    board = SlotBoard(2)
    first = board.take(["a"])
    assert board.take(["a", "b"]) != first
