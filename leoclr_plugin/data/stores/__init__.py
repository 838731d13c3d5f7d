"""Where encoded images lie: folders, lists, HDF5, Parquet, Arrow and tar shards, with one door."""
