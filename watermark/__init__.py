"""Marks: what says "made by AI", written into content and read back. Knows nothing of detection.

One file per container (``png``, ``jpeg``, ``markdown``, ``plaintext``), listed in ``formats``;
``gb45438`` is the label itself, ``standard`` its judge, ``picture`` the visible label,
``provenance`` C2PA. Bytes in, bytes out: no function here opens a file the caller did not name.
"""
