# The functions: one artifact, and for each its own role with what it does.

locals {
  read  = ["dynamodb:BatchGetItem", "dynamodb:Query"]
  write = ["dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem"]

  # Statements, by what they are for.
  may = {
    read           = { actions = local.read, resources = concat([module.messages.arn, module.chat.arn, module.connections.arn], module.messages.index_arns) }
    write_messages = { actions = local.write, resources = [module.messages.arn] }
    write_rest     = { actions = local.write, resources = [module.chat.arn, module.connections.arn] }
    push           = { actions = ["execute-api:ManageConnections"], resources = [for method in ["DELETE", "GET", "POST"] : "${module.gateway.connections_arn}/${method}/@connections/*"] }
    queue_fanout   = { actions = ["sqs:SendMessage"], resources = [module.fanout_queue.arn] }
    queue_notify   = { actions = ["sqs:SendMessage"], resources = [module.notify_queue.arn] }
    take_fanout    = { actions = local.take, resources = [module.fanout_queue.arn] }
    take_notify    = { actions = local.take, resources = [module.notify_queue.arn] }
    read_stream    = { actions = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"], resources = [module.messages.stream_arn] }
    list_streams   = { actions = ["dynamodb:ListStreams"], resources = ["*"] }
    give_up        = { actions = ["sqs:SendMessage"], resources = [module.stream_queue.dead_arn] }
    objects        = { actions = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], resources = ["${module.files.arn}/*"] }
    list_objects   = { actions = ["s3:ListBucket"], resources = [module.files.arn] }
    vapid          = { actions = ["ssm:GetParameter", "ssm:PutParameter"], resources = ["arn:aws:ssm:${local.region}:${local.account}:parameter${local.vapid}"] }
    people         = { actions = ["cognito-idp:AdminAddUserToGroup", "cognito-idp:DescribeUserPoolClient"], resources = module.identity[*].user_pool_arn }
    forget_people  = { actions = ["cognito-idp:AdminDeleteUser"], resources = module.identity[*].user_pool_arn }
  }

  # The key pair of Web Push. The first who needs it makes it, as an encrypted parameter, so that no state and no person
  # ever has it; it outlives the environment, for browsers know the server by it.
  vapid = "/${var.name}/${var.environment}/vapid"
  take  = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]

  # Sending a message with attachments looks at the files, in a socket too.
  acts = ["read", "write_messages", "write_rest", "push", "queue_fanout", "queue_notify", "objects", "list_objects"]
  rights = {
    socket   = local.acts
    http     = concat(local.acts, ["vapid"], local.cognito ? ["people", "forget_people"] : [])
    fanout   = ["take_fanout", "read", "write_rest", "push", "queue_fanout"]
    stream   = ["read_stream", "list_streams", "give_up", "read", "write_rest", "push", "queue_fanout", "queue_notify"]
    notify   = ["take_notify", "queue_notify", "read", "write_rest", "push", "vapid"]
    maintain = concat(local.acts, local.cognito ? ["forget_people"] : []) # an erasure that was interrupted goes on there
  }

  texts = {
    socket   = "Takes sockets and what comes through them."
    http     = "Answers the HTTP API."
    fanout   = "Pushes a message to a part of a large room."
    stream   = "Sees that what is stored is announced, and queues whom to tell."
    notify   = "Tells people who are away, by Web Push."
    maintain = "Removes what is over, by the clock."
  }

  # The same for all, so that any function can make the same decisions.
  environment = merge({
    PARLEY_TABLE_PREFIX     = local.prefix
    PARLEY_FANOUT_QUEUE_URL = module.fanout_queue.url
    PARLEY_NOTIFY_QUEUE_URL = module.notify_queue.url
    PARLEY_SOCKET_ENDPOINT  = module.gateway.socket_endpoint
    PARLEY_PUBLIC_URL       = module.cdn.url
    PARLEY_ORIGIN_SECRET    = random_password.origin.result
    PARLEY_FILES_BUCKET     = module.files.name
    PARLEY_REGISTRATION     = var.registration
    PARLEY_IDENTITY         = var.identity
    PARLEY_VAPID_PARAMETER  = local.vapid
    PARLEY_LOG_FORMAT       = "json"
    }, local.cognito ? {
    PARLEY_COGNITO_USER_POOL_ID = module.identity[0].user_pool_id
    PARLEY_COGNITO_CLIENT_ID    = module.identity[0].client_id
  } : {})
}

module "function" {
  source   = "../function"
  for_each = local.rights

  name        = "${local.prefix}${each.key}"
  description = local.texts[each.key]
  artifact    = var.artifact
  environment = merge(local.environment, { PARLEY_FUNCTION = each.key })
  statements  = [for right in each.value : local.may[right]]
  memory      = var.functions[each.key].memory
  timeout     = var.functions[each.key].timeout
  concurrency = var.functions[each.key].concurrency
  tracing     = var.tracing
  log_days    = local.log_days
}

resource "aws_lambda_event_source_mapping" "queue" {
  for_each = { fanout = module.fanout_queue.arn, notify = module.notify_queue.arn }

  function_name           = module.function[each.key].arn
  event_source_arn        = each.value
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.queue_concurrency
  }
}

resource "aws_lambda_event_source_mapping" "stream" {
  function_name                  = module.function["stream"].arn
  event_source_arn               = module.messages.stream_arn
  starting_position              = "TRIM_HORIZON"
  batch_size                     = 100
  parallelization_factor         = 4
  bisect_batch_on_function_error = true
  maximum_retry_attempts         = 5
  maximum_record_age_in_seconds  = 3600
  function_response_types        = ["ReportBatchItemFailures"]

  # Every change of a room is a new entry of its log; what expires or is removed is nobody's news.
  filter_criteria {
    filter {
      pattern = jsonencode({ eventName = ["INSERT"] })
    }
  }

  destination_config {
    on_failure {
      destination_arn = module.stream_queue.dead_arn
    }
  }
}

resource "aws_cloudwatch_event_rule" "maintain" {
  name                = "${local.prefix}maintain"
  description         = "When what is over is removed."
  schedule_expression = var.maintain_schedule
}

resource "aws_cloudwatch_event_target" "maintain" {
  rule = aws_cloudwatch_event_rule.maintain.name
  arn  = module.function["maintain"].arn
}

resource "aws_lambda_permission" "maintain" {
  action        = "lambda:InvokeFunction"
  function_name = module.function["maintain"].name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.maintain.arn
}

# A run that failed is not repeated: the next one does its work.
resource "aws_lambda_function_event_invoke_config" "maintain" {
  function_name          = module.function["maintain"].name
  maximum_retry_attempts = 0
}
