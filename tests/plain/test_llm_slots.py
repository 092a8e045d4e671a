"""Which slot answers whom."""

from deployments.llm.slots import SlotBoard


def used(board: SlotBoard, *texts: str) -> int:
    slot = board.take(["persona", *texts])
    board.give_back(slot)
    return slot


def test_a_conversation_goes_back_to_its_slot() -> None:
    board = SlotBoard(2)
    first, second = board.take(["persona", "a"]), board.take(["persona", "b"])
    assert {first, second} == {0, 1}
    board.give_back(second)
    board.give_back(first)
    assert used(board, "a", "c") == first
    assert used(board, "a", "c", "d") == first
    assert used(board, "c", "d", "e") == first  # the oldest turn was left out
    assert used(board, "b", "f") == second


def test_a_new_conversation_takes_the_slot_unused_for_longest() -> None:
    board = SlotBoard(3)
    for slot in range(3):
        board.remember(slot, ["persona"])
    assert [used(board, text) for text in ("a", "b", "c")] == [0, 1, 2]
    assert used(board, "a", "again") == 0
    assert used(board, "new") == 1
    assert used(board, "newer") == 2


def test_a_new_conversation_prefers_its_persona() -> None:
    board = SlotBoard(2)
    board.remember(0, ["english"])
    board.remember(1, ["spanish"])
    for persona, slot in (("spanish", 1), ("english", 0), ("spanish", 1)):
        assert board.take([persona, "hello"]) == slot
        board.give_back(slot)
    assert board.take(["chinese", "hello"]) == 0  # unused for longest


def test_a_busy_slot_is_not_given() -> None:
    board = SlotBoard(2)
    first = board.take(["persona", "a"])
    assert board.take(["persona", "a", "b"]) != first
