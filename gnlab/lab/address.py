"""The query in the browser's address bar: it follows the choices, and Back leaves the page."""

from bokeh.models import ColumnDataSource, CustomJS

# Panel's own Location adds to the history: a slider that is dragged would bury the page before
# under its places, and Back would change the address and nothing else. Only once a choice rests:
# browsers refuse an address that changes more than some times a second.
_REPLACE = """
clearTimeout(cb_obj.gnlab_resting)
cb_obj.gnlab_resting = setTimeout(() => {
  history.replaceState(history.state, "", cb_obj.data.query[0] + location.hash)
}, 400)
"""


class Address:
    """The address bar of one page.

    Attributes:
        source: Carries the query to the browser; something in the page's layout must refer to it.
    """

    def __init__(self) -> None:
        self.source = ColumnDataSource(data={"query": []}, name="address")
        self.source.js_on_change("data", CustomJS(code=_REPLACE))

    def show(self, query: str) -> None:
        """Put a query into the address, in place of the present one.

        Args:
            query: The query, "?" included.
        """
        self.source.data = {"query": [query]}
