"""Jets: what is known of a value along every group, and what it adds up to.

A value has a row for each group that has reached it (``jet``), or one for several groups that keep
apart (``coloured``); a layer's parameters are not written out for each group (``owned``).
"""
