"""The page in a browser: live verdicts, history, review, models, the first start.

Read `page` first: what all views share. A view is a module with `routes(page)`; its template has
the module's name. `access` says who may do what, `texts` says it in the visitor's language.
Templates are filled in on the server and escape all they are given; the scripts only exchange
parts of a page and send forms. Nothing is fetched from elsewhere.
"""
