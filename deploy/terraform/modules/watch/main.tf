# Who is told when, and what is looked at then. Ten alarms and one dashboard of fewer than fifty metrics: what CloudWatch
# gives each account for nothing. Functions behind a queue or a stream raise theirs by the dead-letter queue.

locals {
  period = 300
  alarms = merge(
    # A single failure of maintain is one: it runs so seldom that no two periods in a row have one.
    { for name in ["socket", "http", "maintain"] : "${name}-errors" => {
      text      = "The function ${name} fails.", namespace = "AWS/Lambda", metric = "Errors"
      statistic = "Sum", threshold = 1, periods = name == "maintain" ? 1 : 2, dimensions = { FunctionName = var.functions[name] }
    } },
    { for name in ["socket", "http"] : "${name}-p99" => {
      text      = "One in a hundred calls of ${name} takes long.", namespace = "AWS/Lambda", metric = "Duration"
      statistic = "p99", threshold = var.p99_ms, periods = 3, dimensions = { FunctionName = var.functions[name] }
    } },
    { for name, queue in var.dead_queues : "${name}-dead" => {
      text      = "Something of ${name} could not be done and lies in its dead-letter queue.", namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible"
      statistic = "Maximum", threshold = 1, periods = 1, dimensions = { QueueName = queue }
    } },
    {
      # Concurrency is shared by all functions of an account, so that the metric without dimensions is the one to watch.
      throttles = {
        text      = "Functions are wanted more often at once than the account allows.", namespace = "AWS/Lambda", metric = "Throttles"
        statistic = "Sum", threshold = 1, periods = 1, dimensions = {}
      }
      stream-age = {
        text      = "The stream of messages is read late.", namespace = "AWS/Lambda", metric = "IteratorAge"
        statistic = "Maximum", threshold = 60000, periods = 1, dimensions = { FunctionName = var.functions["stream"] }
      }
    },
  )

  region = data.aws_region.current.region
  graphs = [
    ["Calls", "Sum", [for name in keys(var.functions) : ["AWS/Lambda", "Invocations", "FunctionName", var.functions[name], { label = name }]]],
    ["Errors and throttles", "Sum", concat(
      [for name in keys(var.functions) : ["AWS/Lambda", "Errors", "FunctionName", var.functions[name], { label = "${name} errors" }]],
      [["AWS/Lambda", "Throttles", { label = "throttles" }]],
    )],
    ["Time of a call, p99", "p99", [for name in keys(var.functions) : ["AWS/Lambda", "Duration", "FunctionName", var.functions[name], { label = name }]]],
    ["Age of what waits", "Maximum", concat(
      [["AWS/Lambda", "IteratorAge", "FunctionName", var.functions["stream"], { label = "stream, ms" }]],
      [for name, queue in var.queues : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue, { label = "${name}, s" }]],
    )],
    ["Not done", "Maximum", [for name, queue in var.dead_queues : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue, { label = name }]]],
    ["Write units", "Sum", [for table in var.tables : ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", table]]],
    ["Read units", "Sum", [for table in var.tables : ["AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName", table]]],
    ["Throttled by DynamoDB", "Sum", [
      for pair in setproduct(["ReadThrottleEvents", "WriteThrottleEvents"], var.tables) : ["AWS/DynamoDB", pair[0], "TableName", pair[1]]
    ]],
  ]
}

data "aws_region" "current" {}

resource "aws_sns_topic" "alarms" {
  name = "${var.prefix}alarms"
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Alarms"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
      }, {
      Sid       = "Budget"
      Effect    = "Allow"
      Principal = { Service = "budgets.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = { StringEquals = { "aws:SourceAccount" = var.account_id } }
    }]
  })
}

resource "aws_sns_topic_subscription" "email" {
  count = var.email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.email
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = var.alarms ? local.alarms : {}

  alarm_name          = "${var.prefix}${each.key}"
  alarm_description   = each.value.text
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  period              = local.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = "${var.prefix}chat"

  dashboard_body = jsonencode({
    widgets = [for i, graph in local.graphs : {
      type   = "metric"
      x      = 12 * (i % 2)
      y      = 6 * floor(i / 2)
      width  = 12
      height = 6
      properties = {
        title   = graph[0]
        stat    = graph[1]
        metrics = graph[2]
        region  = local.region
        period  = local.period
        view    = "timeSeries"
      }
    }]
  })
}

resource "aws_budgets_budget" "month" {
  name         = "${var.prefix}month"
  budget_type  = "COST"
  limit_amount = tostring(var.budget)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }
    content {
      notification_type         = notification.key
      comparison_operator       = "GREATER_THAN"
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
    }
  }

  depends_on = [aws_sns_topic_policy.alarms]
}
