"""The lab's page, for ``panel serve apps/lab.py`` and ``python apps/lab.py``; it waits for Play.

``gnlab serve`` serves the same page, whose run plays at once unless ``--paused`` is given, and also
takes care of the port, the browser and the cores.
"""

import panel as pn

from gnlab import runs
from gnlab.lab import Host, served

if pn.state.served:
    served.send_at_once()
    # One engine process and one host for all sessions of this server.
    host = pn.state.as_cached(
        "gnlab-host", lambda: Host(runs.ProcessEngine(record_dir=runs.default_folder()))
    )
    served.page(host).servable(title="gnlab")
elif __name__ == "__main__":
    served.serve(record_dir=runs.default_folder())
