mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:alarms" }
  }
}

variables {
  prefix      = "parley-test-"
  account_id  = "123456789012"
  functions   = { for f in ["socket", "http", "fanout", "stream", "notify", "maintain"] : f => "parley-test-${f}" }
  queues      = { fanout = "parley-test-fanout", notify = "parley-test-notify" }
  dead_queues = { for q in ["fanout", "notify", "stream"] : q => "parley-test-${q}-dead" }
  tables      = ["parley-test-messages", "parley-test-chat", "parley-test-connections"]
  alarms      = true
  email       = "ops@example.org"
  p99_ms      = 3000
  budget      = 20
}

run "alarms" {
  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset([
      "socket-errors", "http-errors", "maintain-errors", "socket-p99", "http-p99", "fanout-dead", "notify-dead", "stream-dead", "throttles", "stream-age",
    ])
    error_message = "Ten alarms, which are free."
  }
  assert {
    condition     = alltrue([for a in aws_cloudwatch_metric_alarm.this : a.alarm_actions == toset(["arn:aws:sns:eu-central-1:123456789012:alarms"])])
    error_message = "Every alarm reaches the topic."
  }
  assert {
    condition     = alltrue([for q in ["fanout", "notify", "stream"] : aws_cloudwatch_metric_alarm.this["${q}-dead"].dimensions.QueueName == "parley-test-${q}-dead"])
    error_message = "One message in a dead-letter queue raises an alarm."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["maintain-errors"].evaluation_periods == 1 && aws_cloudwatch_metric_alarm.this["maintain-errors"].metric_name == "Errors"
    error_message = "What runs every 15 minutes never fails in two periods of 5 minutes in a row."
  }
  assert {
    condition     = alltrue([for a in aws_cloudwatch_metric_alarm.this : a.period == 300 && a.treat_missing_data == "notBreaching" && a.ok_actions == a.alarm_actions])
    error_message = "Nothing going on is no alarm, and the end of one is told."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["stream-age"].metric_name == "IteratorAge" && aws_cloudwatch_metric_alarm.this["throttles"].metric_name == "Throttles"
    error_message = "A stream that is read late, and throttling."
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["http-p99"].extended_statistic == "p99" && aws_cloudwatch_metric_alarm.this["http-p99"].statistic == null
    error_message = "Percentiles are extended statistics."
  }
  assert {
    condition     = sum([for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : length(w.properties.metrics)]) < 50
    error_message = "A dashboard of up to 50 metrics is free."
  }
  assert {
    condition     = one(aws_sns_topic_subscription.email).endpoint == "ops@example.org"
    error_message = "Somebody is told."
  }
  assert {
    condition     = length(aws_budgets_budget.month.notification) == 2 && aws_budgets_budget.month.limit_amount == "20"
    error_message = "The budget warns when it is spent and when it will be."
  }
}

run "quiet" {
  variables {
    alarms = false
    email  = null
  }
  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 0 && length(aws_sns_topic_subscription.email) == 0
    error_message = "No alarms, nobody told."
  }
}
