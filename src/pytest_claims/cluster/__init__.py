"""Trials on many machines: `pytest claims/ --cluster ADDRESS`.

The process that the user starts collects, plans, judges and reports. `session` hands its trials to workers; `engine` is
what it asks of a cluster, `dask_engine` is Dask's answer. On a worker, `worker` lays the project out and keeps benches;
a `bench` is a process with one pytest session that measures trials.
"""
