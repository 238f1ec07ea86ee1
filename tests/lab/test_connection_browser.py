"""What a page says when its server ends, in a real browser."""

import signal
import sys

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

SERVE = "from gnlab.lab.served import serve; serve(port={port}, show=False)"
STATE = "() => model_named('strip-values').data.text[0]"
READY = {
    "": "() => window.gnlab_frames?.at(-1)?.step > 2",
    "slide": "() => model_named('slide-ack')?.data.number[0] > 0",
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_whose_server_has_ended_says_so_and_what_to_do(tab, serving, keep, theme):
    pages = {}
    with serving(sys.executable, "-c", SERVE) as (url, _):
        for path, ready in READY.items():
            pages[path] = page = tab()
            page.goto(f"{url}{path}?theme={theme}{'' if path else '&preset=moons&play=true'}")
            page.wait_for_function(ready)
            assert page.get_by_role("alert").count() == 0
    for path, page in pages.items():
        said = page.get_by_role("alert")
        said.wait_for()
        for words in (
            "connection to the server is lost",
            "what is shown stays",
            "start the server",
        ):
            assert words in said.inner_text()
        assert page.locator(".gn-side").evaluate("(column) => column.inert")
        keep(page, f"lost-{path or 'lab'}-{theme}")
    assert pages[""].evaluate(STATE) == "offline"
    again = '<link rel="icon" href="data:,">again'  # without it the icon would be asked for
    pages[""].route("**", lambda route: route.fulfill(body=again, content_type="text/html"))
    with pages[""].expect_request(pages[""].url):
        pages[""].get_by_role("button", name="Reload").click()
    pages[""].get_by_text("again", exact=True).wait_for()


def test_a_page_whose_server_hangs_says_so_until_it_answers_again(tab, serving):
    with serving(sys.executable, "-c", SERVE) as (url, server):
        page = tab()
        page.goto(f"{url}?preset=moons&play=true")
        page.wait_for_function(READY[""])
        server.send_signal(signal.SIGSTOP)
        try:
            page.get_by_role("alert").wait_for()
            assert "The server does not answer" in page.get_by_role("alert").inner_text()
        finally:
            server.send_signal(signal.SIGCONT)
        page.get_by_role("alert").wait_for(state="detached")
        last = page.evaluate("() => window.gnlab_frames.at(-1).step")
        page.wait_for_function("(last) => window.gnlab_frames.at(-1).step > last", arg=last)


def test_a_page_that_waits_for_a_long_step_says_nothing(tab, address):
    page = tab()
    page.goto(f"{address}?preset=moons&play=true")
    page.wait_for_function(READY[""])
    # As if what was drawn last had been long ago.
    page.evaluate("""() => { window.gnlab_frames = [{step: 1, drawn_at: 0}] }""")
    page.evaluate("() => { gnlab_frames.push = () => 1 }")
    with page.expect_response(lambda answer: answer.request.method == "HEAD") as answered:
        pass
    assert answered.value.ok
    assert page.get_by_role("alert").count() == 0
