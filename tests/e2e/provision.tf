# Made by bridgewatch provision --format terraform from its configuration.
# The tables are made, and changed with their sources, by bridgewatch.

resource "google_pubsub_topic" "orders-events" {
  project = "demo"
  name    = "orders-events"

  labels = {
    managed-by = "bridgewatch"
  }
}

resource "google_pubsub_topic" "orders-dead" {
  project = "demo"
  name    = "orders-dead"

  labels = {
    managed-by = "bridgewatch"
  }
}

resource "google_pubsub_topic" "external-sync-create" {
  project = "demo"
  name    = "external-sync-create"

  labels = {
    managed-by = "bridgewatch"
  }
}

resource "google_pubsub_topic" "external-sync-update" {
  project = "demo"
  name    = "external-sync-update"

  labels = {
    managed-by = "bridgewatch"
  }
}

resource "google_pubsub_topic" "external-sync-delete" {
  project = "demo"
  name    = "external-sync-delete"

  labels = {
    managed-by = "bridgewatch"
  }
}

resource "google_pubsub_topic" "external-sync-upsert" {
  project = "demo"
  name    = "external-sync-upsert"

  labels = {
    managed-by = "bridgewatch"
  }
}

resource "google_pubsub_topic" "external-sync-patch" {
  project = "demo"
  name    = "external-sync-patch"

  labels = {
    managed-by = "bridgewatch"
  }
}

resource "google_pubsub_subscription" "orders-dead" {
  project                    = "demo"
  name                       = "orders-dead"
  topic                      = google_pubsub_topic.orders-dead.id
  ack_deadline_seconds       = 60
  message_retention_duration = "2678400s"

  labels = {
    managed-by = "bridgewatch"
  }

  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = "600s"
  }
}

resource "google_pubsub_subscription" "orders" {
  project                    = "demo"
  name                       = "orders"
  topic                      = google_pubsub_topic.orders-events.id
  ack_deadline_seconds       = 30
  message_retention_duration = "604800s"
  retain_acked_messages      = true
  enable_message_ordering    = true
  filter                     = "attributes.region = \"emea $\u0024{x} \\ %\u0025{y}\""

  labels = {
    managed-by = "bridgewatch"
  }

  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.orders-dead.id
    max_delivery_attempts = 100
  }
}

resource "google_pubsub_subscription" "orders-audit" {
  project                    = "demo"
  name                       = "orders-audit"
  topic                      = google_pubsub_topic.orders-events.id
  ack_deadline_seconds       = 60
  message_retention_duration = "604800s"

  labels = {
    managed-by = "bridgewatch"
  }

  expiration_policy {
    ttl = ""
  }

  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = "600s"
  }
}

data "google_project" "demo" {
  project_id = "demo"
}

resource "google_pubsub_topic_iam_member" "orders_dead_letters" {
  project = "demo"
  topic   = google_pubsub_topic.orders-dead.name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:service-${data.google_project.demo.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_subscription_iam_member" "orders_dead_letters" {
  project      = "demo"
  subscription = google_pubsub_subscription.orders.name
  role         = "roles/pubsub.subscriber"
  member       = "serviceAccount:service-${data.google_project.demo.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_bigquery_dataset" "analytics" {
  project                    = "demo"
  dataset_id                 = "analytics"
  location                   = "EU"
  delete_contents_on_destroy = false
}

resource "google_firestore_field" "bridgewatch_event_outcomes" {
  project    = "demo"
  database   = "(default)"
  collection = "_bw_event"
  field      = "_bw_expires"

  ttl_config {}
}

resource "google_monitoring_dashboard" "bridgewatch" {
  project = "demo"

  dashboard_json = <<EOT
{
  "displayName": "bridgewatch",
  "labels": {
    "managed-by": "bridgewatch"
  },
  "mosaicLayout": {
    "columns": 12,
    "tiles": [
      {
        "height": 4,
        "widget": {
          "title": "Lag behind the source",
          "xyChart": {
            "dataSets": [
              {
                "plotType": "LINE",
                "targetAxis": "Y1",
                "timeSeriesQuery": {
                  "timeSeriesFilter": {
                    "aggregation": {
                      "alignmentPeriod": "60s",
                      "crossSeriesReducer": "REDUCE_MAX",
                      "groupByFields": [
                        "metric.label.\"sync\""
                      ],
                      "perSeriesAligner": "ALIGN_MAX"
                    },
                    "filter": "metric.type=\"custom.googleapis.com/bridgewatch/lag\" resource.type=\"global\""
                  }
                }
              }
            ],
            "yAxis": {
              "label": "seconds",
              "scale": "LINEAR"
            }
          }
        },
        "width": 6,
        "xPos": 0,
        "yPos": 0
      },
      {
        "height": 4,
        "widget": {
          "title": "Freshness",
          "xyChart": {
            "dataSets": [
              {
                "plotType": "LINE",
                "targetAxis": "Y1",
                "timeSeriesQuery": {
                  "timeSeriesFilter": {
                    "aggregation": {
                      "alignmentPeriod": "60s",
                      "crossSeriesReducer": "REDUCE_MIN",
                      "groupByFields": [
                        "metric.label.\"sync\""
                      ],
                      "perSeriesAligner": "ALIGN_MIN"
                    },
                    "filter": "metric.type=\"custom.googleapis.com/bridgewatch/freshness\" resource.type=\"global\""
                  }
                }
              }
            ],
            "yAxis": {
              "label": "0 to 100",
              "scale": "LINEAR"
            }
          }
        },
        "width": 6,
        "xPos": 6,
        "yPos": 0
      },
      {
        "height": 4,
        "widget": {
          "title": "Open dead letters",
          "xyChart": {
            "dataSets": [
              {
                "plotType": "LINE",
                "targetAxis": "Y1",
                "timeSeriesQuery": {
                  "timeSeriesFilter": {
                    "aggregation": {
                      "alignmentPeriod": "60s",
                      "crossSeriesReducer": "REDUCE_MAX",
                      "groupByFields": [
                        "metric.label.\"sync\""
                      ],
                      "perSeriesAligner": "ALIGN_MAX"
                    },
                    "filter": "metric.type=\"custom.googleapis.com/bridgewatch/dead_letters\" resource.type=\"global\""
                  }
                }
              }
            ],
            "yAxis": {
              "label": "letters",
              "scale": "LINEAR"
            }
          }
        },
        "width": 6,
        "xPos": 0,
        "yPos": 4
      },
      {
        "height": 4,
        "widget": {
          "title": "Failed runs in a row",
          "xyChart": {
            "dataSets": [
              {
                "plotType": "LINE",
                "targetAxis": "Y1",
                "timeSeriesQuery": {
                  "timeSeriesFilter": {
                    "aggregation": {
                      "alignmentPeriod": "60s",
                      "crossSeriesReducer": "REDUCE_MAX",
                      "groupByFields": [
                        "metric.label.\"sync\""
                      ],
                      "perSeriesAligner": "ALIGN_MAX"
                    },
                    "filter": "metric.type=\"custom.googleapis.com/bridgewatch/errors\" resource.type=\"global\""
                  }
                }
              }
            ],
            "yAxis": {
              "label": "runs",
              "scale": "LINEAR"
            }
          }
        },
        "width": 6,
        "xPos": 6,
        "yPos": 4
      },
      {
        "height": 4,
        "widget": {
          "title": "Rows committed, in total",
          "xyChart": {
            "dataSets": [
              {
                "plotType": "LINE",
                "targetAxis": "Y1",
                "timeSeriesQuery": {
                  "timeSeriesFilter": {
                    "aggregation": {
                      "alignmentPeriod": "60s",
                      "crossSeriesReducer": "REDUCE_MAX",
                      "groupByFields": [
                        "metric.label.\"sync\""
                      ],
                      "perSeriesAligner": "ALIGN_MAX"
                    },
                    "filter": "metric.type=\"custom.googleapis.com/bridgewatch/rows\" resource.type=\"global\""
                  }
                }
              }
            ],
            "yAxis": {
              "label": "rows",
              "scale": "LINEAR"
            }
          }
        },
        "width": 6,
        "xPos": 0,
        "yPos": 8
      },
      {
        "height": 4,
        "widget": {
          "title": "Messages that are not acknowledged",
          "xyChart": {
            "dataSets": [
              {
                "plotType": "LINE",
                "targetAxis": "Y1",
                "timeSeriesQuery": {
                  "timeSeriesFilter": {
                    "aggregation": {
                      "alignmentPeriod": "60s",
                      "crossSeriesReducer": "REDUCE_MAX",
                      "groupByFields": [
                        "resource.label.\"subscription_id\""
                      ],
                      "perSeriesAligner": "ALIGN_MAX"
                    },
                    "filter": "metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" resource.type=\"pubsub_subscription\" resource.label.\"subscription_id\"=one_of(\"orders-dead\",\"orders\",\"orders-audit\")"
                  }
                }
              }
            ],
            "yAxis": {
              "label": "messages",
              "scale": "LINEAR"
            }
          }
        },
        "width": 6,
        "xPos": 6,
        "yPos": 8
      },
      {
        "height": 4,
        "widget": {
          "title": "Age of the oldest of them",
          "xyChart": {
            "dataSets": [
              {
                "plotType": "LINE",
                "targetAxis": "Y1",
                "timeSeriesQuery": {
                  "timeSeriesFilter": {
                    "aggregation": {
                      "alignmentPeriod": "60s",
                      "crossSeriesReducer": "REDUCE_MAX",
                      "groupByFields": [
                        "resource.label.\"subscription_id\""
                      ],
                      "perSeriesAligner": "ALIGN_MAX"
                    },
                    "filter": "metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" resource.type=\"pubsub_subscription\" resource.label.\"subscription_id\"=one_of(\"orders-dead\",\"orders\",\"orders-audit\")"
                  }
                }
              }
            ],
            "yAxis": {
              "label": "seconds",
              "scale": "LINEAR"
            }
          }
        },
        "width": 6,
        "xPos": 0,
        "yPos": 12
      }
    ]
  },
  "name": "projects/demo/dashboards/bridgewatch-analytics"
}
EOT
}
