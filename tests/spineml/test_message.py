"""A message is English as a string, and remembers its text and values for whoever translates it."""

import copy

from spineml.errors import SpineError, UnreadableFile
from spineml.message import (
    MAX_VALUE,
    Message,
    dump,
    load,
    message,
    messages_from_json,
    messages_to_json,
    sentences,
    verbatim,
)
from spineml.readers.series import FileNotUsed

KOREAN = {
    "The mask has {found} slices, the series has {expected}.": "시리즈는 {expected}장인데 마스크는 {found}장입니다.",
    "This is {kind}, not CT.": "CT가 아니라 {kind}입니다.",
    "an MR image": "MR 영상",
    "Model": "모델",
}


def korean(text: str) -> str:
    return KOREAN.get(text, text)


def test_a_message_reads_as_its_english_sentence():
    assert message("The mask has {found} slices.", found=3) == "The mask has 3 slices."


def test_a_translation_may_turn_the_gaps_around():
    told = message("The mask has {found} slices, the series has {expected}.", found=3, expected=10)
    assert told.in_words(korean) == "시리즈는 10장인데 마스크는 3장입니다."


def test_a_term_in_a_gap_is_translated_and_the_text_of_a_person_is_not():
    assert (
        message("This is {kind}, not CT.", kind=message("an MR image")).in_words(korean) == "CT가 아니라 MR 영상입니다."
    )
    assert message("This is {kind}, not CT.", kind="Model").in_words(korean) == "CT가 아니라 Model입니다."


def test_text_of_a_person_that_looks_like_a_gap_stays_as_it_is():
    assert message("{name}: {reason}", name="{reason}.png", reason="broken") == "{reason}.png: broken"


def test_a_list_of_terms_in_a_gap_is_joined_by_commas():
    told = message("{kinds}", kinds=[message("an MR image"), message("Model")])
    assert told.in_words(korean) == "MR 영상, 모델"


def test_what_is_stored_becomes_the_same_message_again():
    told = message("{name}: {reason}", name="a.png", reason=message("This is {kind}, not CT.", kind="MR"))
    again = Message.from_json(told.to_json())
    assert (again, again.text, again.values) == (told, told.text, told.values)
    assert isinstance(again.values["reason"], Message)
    assert messages_from_json(messages_to_json([told, message("Model")])) == [told, "Model"]


def test_a_plain_sentence_of_an_older_row_is_read_as_it_stands():
    assert Message.from_json("The file is damaged.") == "The file is damaged."
    assert Message.from_json(None) == ""


def test_text_that_is_not_a_message_is_translated_by_nobody():
    assert verbatim("Model").in_words(korean) == "Model"
    assert verbatim(message("Model")).in_words(korean) == "모델"


def test_long_text_in_a_gap_is_cut_and_what_a_database_refuses_is_replaced():
    told = message("{name}", name="x" * 10_000)
    assert len(told) == MAX_VALUE
    assert told.endswith("…")
    assert message("{name}", name="a\x00b\udc80") == "a\ufffdb\ufffd"


def test_a_number_that_json_cannot_hold_becomes_text():
    assert message("{opacity}", opacity=float("nan")).to_json()["values"] == {"opacity": "nan"}


def test_several_sentences_are_one_value_and_stay_apart():
    first, second = message("This is {kind}, not CT.", kind=message("an MR image")), message("Model")
    told = Message.from_json(sentences([first, second]).to_json())
    assert told == "This is an MR image, not CT. Model"
    assert told.in_words(korean) == "CT가 아니라 MR 영상입니다. 모델"
    assert told.sentences == [first, second]
    assert sentences([first]) is first
    assert sentences([]).sentences == []


def test_messages_are_found_wherever_they_stand_in_json():
    stored = dump({"facts": [[message("Model"), "v3"]], "text": "plain"})
    assert stored == {"facts": [[{"text": "Model", "values": {}}, "v3"]], "text": "plain"}
    again = load(stored)
    assert again["facts"][0][0].in_words(korean) == "모델"
    assert not isinstance(again["facts"][0][1], Message)


def test_a_message_survives_being_copied_also_inside_an_error():
    error = copy.deepcopy(UnreadableFile("a.png", message("This is {kind}, not CT.", kind="MR")))
    assert error.message == "a.png: This is MR, not CT."
    assert error.reason.text == "This is {kind}, not CT."


def test_errors_keep_the_message_they_are_given():
    told = message("This is {kind}, not CT.", kind="MR")
    assert SpineError(told).message is told
    assert FileNotUsed("not-ct", told).verdict("a.dcm").reason is told
    assert isinstance(SpineError().message, Message)
