"""Is OpenAI's own client served as if nobody stood between, and charged what it is billed?"""

import asyncio
import threading
import time

import openai
import pytest

ASK = {"model": "gpt-4o", "max_tokens": 300, "messages": [{"role": "user", "content": "Which sea is it?"}]}

LONG = {**ASK, "max_tokens": 4_000}


def client(door, key="vk-rich", **options):
    """A client of this door; it counts what it sends in `sent`."""
    sent = []
    hooks = {"request": [lambda request: sent.append(request.url.path)]}
    made = openai.OpenAI(
        base_url=f"{door.url}/v1", api_key=key, http_client=openai.DefaultHttpxClient(event_hooks=hooks), **options
    )
    made.sent = sent
    return made


def test_a_call_is_charged_what_it_is_billed(door):
    door.script(tokens=40)
    with door.audit() as audit:
        answer = client(door).chat.completions.create(**ASK)
    assert answer.usage.completion_tokens == 40 and answer.choices[0].finish_reason == "stop"
    audit.assert_equal()


def test_a_stream_flows_and_its_usage_frame_is_hidden_from_who_did_not_ask(door):
    door.script(tokens=40)
    with door.audit() as audit:
        chunks = list(client(door).chat.completions.create(**ASK, stream=True))
    assert sum(1 for chunk in chunks if chunk.choices and chunk.choices[0].delta.content) == 40
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    audit.assert_equal()


def test_a_client_that_asks_for_usage_gets_it(door):
    door.script(tokens=40)
    with door.audit() as audit:
        options = {"stream": True, "stream_options": {"include_usage": True}}
        chunks = list(client(door).chat.completions.create(**ASK, **options))
    assert chunks[-1].usage.completion_tokens == 40
    audit.assert_equal()


def test_responses_are_charged_whole_and_streamed(door):
    ask = {"model": "gpt-4o", "max_output_tokens": 300, "input": "Which sea is it?"}
    door.script(tokens=30)
    door.script(tokens=30)
    with door.audit() as audit:
        whole = client(door).responses.create(**ask)
        events = list(client(door).responses.create(**ask, stream=True))
    assert whole.usage.output_tokens == 30
    assert events[-1].type == "response.completed"
    audit.assert_equal()


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_call_arrives_whole(door, stream):
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
    door.script(tokens=2, tool=["look_up", {"place": "Kiel"}])
    with door.audit() as audit:
        answer = client(door).chat.completions.create(**ASK, tools=[tool], stream=stream)
        if stream:
            calls = [chunk.choices[0].delta.tool_calls for chunk in answer if chunk.choices]
            arguments = "".join(call[0].function.arguments or "" for call in calls if call)
        else:
            arguments = answer.choices[0].message.tool_calls[0].function.arguments
    assert arguments.replace(" ", "") == '{"place":"Kiel"}'
    audit.assert_equal()


def test_a_refusal_is_an_error_with_our_words_and_is_not_retried(door):
    poor = client(door, "vk-poor")
    with door.audit() as audit, pytest.raises(openai.APIStatusError) as refused:
        poor.chat.completions.create(**ASK)
    assert refused.value.status_code == 402 and refused.value.code == "budget_exceeded"
    assert "of 0.001 USD used" in str(refused.value)
    assert len(poor.sent) == 1 and (audit.requests, audit.spent) == (0, 0)


def test_a_budget_that_is_free_again_soon_says_when(gateway):
    slow = client(gateway, "vk-slow", max_retries=0)
    gateway.script(tokens=5)
    slow.chat.completions.create(**ASK)
    with pytest.raises(openai.RateLimitError) as busy:
        slow.chat.completions.create(**ASK)
    assert 1 <= int(busy.value.response.headers["retry-after"]) <= 61


def test_a_key_that_nobody_gave_out_is_turned_away(gateway):
    for call in [
        lambda stranger: stranger.chat.completions.create(**ASK),
        lambda stranger: stranger.models.list(),
    ]:
        with pytest.raises(openai.AuthenticationError):
            call(client(gateway, "vk-nobody"))


def test_what_the_account_keeps_is_not_for_virtual_keys(gateway):
    assert "gpt-4o" in {model.id for model in client(gateway).models.list()}
    with pytest.raises(openai.PermissionDeniedError):
        client(gateway).files.list()


def test_a_provider_that_asks_to_wait_is_waited_for(door):
    door.script(status=429, retry_after_seconds=1)
    door.script(tokens=20)
    patient = client(door, max_retries=2)
    with door.audit() as audit:
        began = time.monotonic()
        patient.chat.completions.create(**ASK)
    assert len(patient.sent) == 2 and time.monotonic() - began >= 1
    audit.assert_equal()


def test_a_failure_that_may_have_been_billed_is_charged_as_held(door):
    door.script(status=500)
    door.script(tokens=20)
    patient = client(door, max_retries=2)
    with door.audit() as audit:
        patient.chat.completions.create(**ASK)
    assert len(patient.sent) == 2
    audit.assert_covered()
    # The failed attempt stands at all that it held: 300 tokens of output and more.
    assert audit.spent - audit.billed >= 300 * 10 / 1_000_000


def test_a_client_that_loses_patience_is_charged_as_held(door):
    door.script(tokens=40, latency_ms=3_000)
    with door.audit() as audit, pytest.raises(openai.APITimeoutError):
        client(door, timeout=0.3, max_retries=0).chat.completions.create(**ASK)
    audit.assert_covered()


def test_a_client_that_leaves_a_stream_pays_for_what_came(door):
    # Ten seconds of an answer, so that a provider that nobody stops bills more than its stated speed allows.
    door.script(tokens=3_500, pause_ms=2)
    with door.audit() as audit:
        began = time.monotonic()
        with client(door).chat.completions.create(**LONG, stream=True) as stream:
            for _, _ in zip(range(5), stream):
                pass
        seconds = time.monotonic() - began
    # The first chunk names the role.
    audit.assert_left(price=10, seen=4, seconds=seconds)


def test_a_task_that_is_cancelled_pays_for_what_came(door):
    async def read_until_cancelled():
        read = asyncio.Event()

        async def read_on():
            other = openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key="vk-rich")
            async with await other.chat.completions.create(**LONG, stream=True) as stream:
                async for _ in stream:
                    read.set()

        task = asyncio.create_task(read_on())
        await read.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    door.script(tokens=3_500, pause_ms=2)
    with door.audit() as audit:
        began = time.monotonic()
        asyncio.run(read_until_cancelled())
        seconds = time.monotonic() - began
    audit.assert_left(price=10, seen=0, seconds=seconds)
    assert audit.spent > 0, "its input at least"


def test_thirty_two_at_once_are_charged_what_they_are_billed(door):
    shared = client(door)
    for tokens in range(1, 33):
        door.script(tokens=tokens)
    with door.audit() as audit:
        calls = [
            threading.Thread(target=lambda stream=stream: consume(shared, stream)) for stream in [False, True] * 16
        ]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
    assert audit.requests == 32
    audit.assert_equal()


def consume(shared, stream):
    answer = shared.chat.completions.create(**ASK, stream=stream)
    for _ in answer if stream else []:
        pass
