"""Tables that people and tools write, read as rows of cells; others know what columns mean.

    table      what they are read as, and which format a file is in
    text       in which encoding a text file is
    delimited  CSV, TSV and what spreadsheets call so
    json_rows  JSON lines, and arrays of objects
    parquet    Parquet, through pyarrow

A file that cannot be read in one way only is refused. What was taken for granted is in its notes.
"""

from blemish.data.tables.read import read_table
from blemish.data.tables.table import Row, Table

__all__ = ["Row", "Table", "read_table"]
