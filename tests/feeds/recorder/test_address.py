"""Addresses and keys: what is refused, and that no secret is shown."""

import pytest

from headway_prediction.errors import HeadwayError
from headway_prediction.feeds.recorder.address import feed_address, key_from_environment

SECRET = "s3cret+/key"


@pytest.mark.parametrize(
    "url, found",
    [
        ("trips.pb", "cannot be fetched"),
        ("ftp://example.org/trips.pb", "cannot be fetched"),
        ("https://", "cannot be fetched"),
        ("https://example.org:x/", "cannot be fetched"),
        ("https://example.org/a b", "cannot be fetched"),
        ("https://example.org/\r\nX: y", "cannot be fetched"),
        ("https://me:pass@example.org/", "a user name"),
        ("https://example.org/?line=1&API_KEY=abc", "the parameter 'API_KEY'"),
    ],
)
def test_an_address_that_cannot_be_fetched_or_holds_a_secret_is_refused(url, found):
    with pytest.raises(HeadwayError, match=found) as refused:
        feed_address(url)
    assert "abc" not in str(refused.value) and "pass@" not in str(refused.value)


@pytest.mark.parametrize(
    "arguments, environment, found",
    [
        (("KEY", "x-key", None), {}, "KEY is not set"),
        (("KEY", "x-key", None), {"KEY": ""}, "KEY is not set"),
        (("KEY", "x-key", None), {"KEY": "hidden\n"}, "no key"),
        (("KEY", "x-key", None), {"KEY": "hiddén"}, "no key"),
        (("KEY", None, None), {"KEY": "hidden"}, "half described"),
        (("KEY", "x-key", "key"), {"KEY": "hidden"}, "half described"),
        ((None, "x-key", None), {"KEY": "hidden"}, "half described"),
        (("KEY", "x: key", None), {"KEY": "hidden"}, "sent as 'x: key'"),
    ],
)
def test_a_key_comes_from_the_environment_alone_and_is_never_shown(arguments, environment, found):
    with pytest.raises(HeadwayError, match=found) as refused:
        key_from_environment(*arguments, environment)
    assert "hidd" not in str(refused.value)


def test_a_key_is_not_shown_by_accident():
    key = key_from_environment("KEY", "x-key", None, {"KEY": SECRET})
    assert key.value == SECRET and SECRET not in repr(feed_address("http://h/", key))
    assert key_from_environment(None, None, None, {}) is None
