"""The deployment zip of Azure Functions Flex Consumption: `python -m local.package`, or `make package`.

1. `app_files`: our own files, as `.funcignore` lets them through.
2. `vendor`: the wheels of `requirements.lock` for Linux x86_64 and Python 3.13, without what no interpreter loads.
3. `openmp`: the OpenMP library that LightGBM needs and Azure's image lacks.
4. `archive`: all of it in one zip, sorted and with one fixed time, so that the same inputs give the same bytes.
5. `sizes`: what each dependency costs.
"""
