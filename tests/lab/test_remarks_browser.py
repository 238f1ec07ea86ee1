"""What the page says of a link stays to be read."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

MESSAGE = "() => model_named('message').text"


def test_what_a_link_is_told_stays_until_the_person_goes_on(tab, address):
    page = tab()
    page.goto(f"{address}?lr=-1&seed=-5")
    page.wait_for_function("() => window.gnlab_frames?.length > 0")
    page.wait_for_function(f"() => ({MESSAGE})().includes('lr must be')")
    page.wait_for_timeout(2000)  # frames go on coming: none may take it away
    text = page.evaluate(MESSAGE)
    assert "lr must be" in text
    assert "seed must be" in text
    page.get_by_role("button", name="Step", exact=True).click()
    page.wait_for_function(f"() => !({MESSAGE})().includes('must be')")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("partition=chunk:99", "partition tensor, the preset's"),
        ("batch_size=9999", "batch_size 400, the preset's"),
        ("partition=neuron9", "partition must be"),
        ("partition=tensors", "Did you mean 'tensor'?"),
    ],
)
def test_a_link_that_does_not_fit_opens_all_the_same(tab, address, query, told):
    page = tab()
    page.goto(f"{address}?preset=moons&{query}")
    page.wait_for_function("() => model_named('coarseness')?.end > 1")
    page.wait_for_timeout(1000)  # frames go on coming: none may take it away
    text = page.evaluate(MESSAGE)
    assert told in text.replace("&#x27;", "'")
    assert query.partition("=")[2] in text
    page.get_by_role("button", name="▶ Play", exact=True).click()
    page.wait_for_function("() => window.gnlab_frames.at(-1).step > 2")


def test_a_field_shows_what_the_run_uses_when_it_is_given_what_is_not_valid(tab, address):
    page = tab()
    page.goto(f"{address}?preset=moons")
    page.wait_for_function("() => model_named('coarseness')?.end > 1")
    field = page.get_by_label("Batch", exact=True)
    for given in ("0", "-5", "20000"):
        field.fill(given)
        field.press("Enter")
        page.wait_for_function(f"(given) => ({MESSAGE})().includes(`got ${{given}}`)", arg=given)
        assert field.input_value() == "400"
