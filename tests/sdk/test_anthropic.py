"""Is Anthropic's own client served as if nobody stood between, and charged what it is billed?"""

import time

import anthropic
import pytest

ASK = {
    "model": "claude-haiku-4-5",
    "max_tokens": 300,
    "messages": [{"role": "user", "content": "Which sea is it?"}],
}


def client(door, key="vk-rich", **options):
    """A client of this door; it counts what it sends in `sent`."""
    sent = []
    hooks = {"request": [lambda request: sent.append(request.url.path)]}
    http = anthropic.DefaultHttpxClient(event_hooks=hooks)
    made = anthropic.Anthropic(base_url=door.url, api_key=key, http_client=http, **options)
    made.sent = sent
    return made


def test_a_message_is_charged_what_it_is_billed(door):
    door.script(tokens=40)
    with door.audit() as audit:
        answer = client(door).messages.create(**ASK)
    assert answer.usage.output_tokens == 40 and answer.stop_reason == "end_turn"
    audit.assert_equal()


def test_a_stream_flows_and_is_charged_what_it_is_billed(door):
    door.script(tokens=40)
    with door.audit() as audit:
        with client(door).messages.stream(**ASK) as stream:
            pieces = list(stream.text_stream)
            whole = stream.get_final_message()
    assert len(pieces) == 40 and whole.usage.output_tokens == 40
    audit.assert_equal()


def test_a_tool_call_arrives_whole(door):
    tool = {"name": "look_up", "input_schema": {"type": "object", "properties": {}}}
    door.script(tokens=2, tool=["look_up", {"place": "Kiel"}])
    door.script(tokens=2, tool=["look_up", {"place": "Kiel"}])
    with door.audit() as audit:
        whole = client(door).messages.create(**ASK, tools=[tool])
        with client(door).messages.stream(**ASK, tools=[tool]) as stream:
            streamed = stream.get_final_message()
    for answer in [whole, streamed]:
        assert answer.stop_reason == "tool_use" and answer.content[-1].input == {"place": "Kiel"}
    audit.assert_equal()


def test_a_refusal_is_an_error_with_our_words_and_is_not_retried(door):
    poor = client(door, "vk-poor")
    with door.audit() as audit, pytest.raises(anthropic.APIStatusError) as refused:
        poor.messages.create(**ASK)
    assert refused.value.status_code == 402
    assert "of 0.001 USD used" in str(refused.value)
    assert len(poor.sent) == 1 and (audit.requests, audit.spent) == (0, 0)


def test_a_key_that_nobody_gave_out_is_turned_away(gateway):
    with pytest.raises(anthropic.AuthenticationError):
        client(gateway, "vk-nobody").messages.count_tokens(model=ASK["model"], messages=ASK["messages"])


def test_counting_tokens_costs_nothing(gateway):
    with gateway.audit() as audit:
        counted = client(gateway).messages.count_tokens(model=ASK["model"], messages=ASK["messages"])
    assert counted.input_tokens > 0
    assert (audit.billed, audit.spent) == (0, 0)


def test_a_provider_that_asks_to_wait_is_waited_for(door):
    door.script(status=429, retry_after_seconds=1)
    door.script(status=529)
    door.script(tokens=20)
    patient = client(door, max_retries=3)
    with door.audit() as audit:
        began = time.monotonic()
        patient.messages.create(**ASK)
    assert len(patient.sent) == 3 and time.monotonic() - began >= 1
    audit.assert_covered()


def test_a_client_that_loses_patience_is_charged_as_held(door):
    door.script(tokens=40, latency_ms=3_000)
    with door.audit() as audit, pytest.raises(anthropic.APITimeoutError):
        client(door, timeout=0.3, max_retries=0).messages.create(**ASK)
    audit.assert_covered()


def test_a_client_that_leaves_a_stream_pays_for_what_came(door):
    # Ten seconds of an answer, so that a provider that nobody stops bills more than its stated speed allows.
    door.script(tokens=3_500, pause_ms=2)
    with door.audit() as audit:
        began = time.monotonic()
        with client(door).messages.stream(**{**ASK, "max_tokens": 4_000}) as stream:
            for _, _ in zip(range(8), stream):
                pass
        seconds = time.monotonic() - began
    # Two events begin the message and its block; of each text the SDK tells a second time.
    audit.assert_left(price=5, seen=3, seconds=seconds)
