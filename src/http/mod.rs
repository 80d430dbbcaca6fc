//! HTTP: the API, the page, health and metrics. JSON types live here.
