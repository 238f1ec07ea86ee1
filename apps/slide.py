"""The slide, a teaching demo, for ``panel serve apps/slide.py`` and ``python apps/slide.py``.

``gnlab serve`` has it too, at ``/slide``.
"""

import panel as pn

from gnlab.lab import served

if pn.state.served:
    served.send_at_once()
    served.slide().servable(title="gnlab: the slide")
elif __name__ == "__main__":
    served.serve_slide()
