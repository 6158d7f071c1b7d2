# What must be true of everything together, whatever else changes. Applied to providers that are imitated.

mock_provider "random" {
  mock_resource "random_password" {
    defaults = { result = "of-the-origin" }
  }
}

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:g" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/r" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:f", invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/f/invocations" }
  }
  mock_resource "aws_cloudfront_distribution" {
    defaults = { arn = "arn:aws:cloudfront::123456789012:distribution/D", domain_name = "d.cloudfront.net" }
  }
  mock_resource "aws_cloudfront_function" {
    defaults = { arn = "arn:aws:cloudfront::123456789012:function/places" }
  }
  mock_resource "aws_cognito_user_pool" {
    defaults = { arn = "arn:pool", id = "eu-central-1_p" }
  }
  mock_resource "aws_cognito_user_pool_client" {
    defaults = { id = "client" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:alarms" }
  }
}

override_resource {
  target = module.messages.aws_dynamodb_table.this
  values = {
    arn        = "arn:messages"
    stream_arn = "arn:messages/stream/1"
  }
}

override_resource {
  target = module.chat.aws_dynamodb_table.this
  values = {
    arn = "arn:chat"
  }
}

override_resource {
  target = module.connections.aws_dynamodb_table.this
  values = {
    arn = "arn:connections"
  }
}

override_resource {
  target = module.fanout_queue.aws_sqs_queue.this
  values = {
    arn = "arn:fanout"
    id  = "https://fanout"
  }
}

override_resource {
  target = module.fanout_queue.aws_sqs_queue.dead
  values = {
    arn = "arn:fanout-dead"
    id  = "https://fanout-dead"
  }
}

override_resource {
  target = module.notify_queue.aws_sqs_queue.this
  values = {
    arn = "arn:notify"
    id  = "https://notify"
  }
}

override_resource {
  target = module.notify_queue.aws_sqs_queue.dead
  values = {
    arn = "arn:notify-dead"
    id  = "https://notify-dead"
  }
}

override_resource {
  target = module.stream_queue.aws_sqs_queue.dead
  values = {
    arn = "arn:stream-dead"
    id  = "https://stream-dead"
  }
}

override_resource {
  target = module.files.aws_s3_bucket.this
  values = {
    arn                         = "arn:files"
    bucket_regional_domain_name = "files.s3.eu-central-1.amazonaws.com"
  }
}

override_resource {
  target = module.app.aws_s3_bucket.this
  values = {
    arn                         = "arn:app"
    bucket_regional_domain_name = "app.s3.eu-central-1.amazonaws.com"
  }
}

override_resource {
  target = module.gateway.aws_apigatewayv2_api.socket
  values = {
    id            = "s1"
    api_endpoint  = "wss://s1.execute-api.eu-central-1.amazonaws.com"
    execution_arn = "arn:s1"
  }
}

override_resource {
  target = module.gateway.aws_apigatewayv2_api.http
  values = {
    id            = "h1"
    api_endpoint  = "https://h1.execute-api.eu-central-1.amazonaws.com"
    execution_arn = "arn:h1"
  }
}

variables {
  environment = "test"
  artifact    = "tests/parley.tftest.hcl" # any file
  protect     = true
}

run "least_privilege" {
  assert {
    condition     = toset(keys(module.function)) == toset(["socket", "http", "fanout", "stream", "notify", "maintain"])
    error_message = "Six functions, each with its role."
  }
  assert {
    condition     = !can(regex("\\*", join(" ", flatten([for f in module.function : jsondecode(f.policy).Statement[*].Action]))))
    error_message = "No action has a wildcard."
  }
  assert {
    condition = toset(flatten([for f in module.function : [for s in jsondecode(f.policy).Statement : s.Action if contains(s.Resource, "*")]])) == toset([
      "dynamodb:ListStreams", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
    ])
    error_message = "Everything is allowed on named resources, but what has none."
  }
  assert {
    condition     = !can(regex("Scan|CreateTable|DeleteTable|UpdateTable", join(" ", [for f in module.function : f.policy])))
    error_message = "No function reads a whole table or changes one."
  }
  assert {
    condition = alltrue([for f in ["fanout", "stream", "notify"] : alltrue([for s in jsondecode(module.function[f].policy).Statement :
    !(contains(s.Action, "dynamodb:PutItem") && contains(s.Resource, "arn:messages"))])])
    error_message = "Who only delivers writes no message."
  }
  assert {
    condition = { for f, m in module.function : f => toset(flatten([for s in jsondecode(m.policy).Statement : s.Resource if contains(s.Action, "ssm:GetParameter")])) } == {
      socket = toset([]), http = toset(["arn:aws:ssm:eu-central-1:123456789012:parameter/parley/test/vapid"]), fanout = toset([]), stream = toset([]), notify = toset(["arn:aws:ssm:eu-central-1:123456789012:parameter/parley/test/vapid"]), maintain = toset([])
    }
    error_message = "Only who signs pushes, or shows the public key, reads the key pair."
  }
  assert {
    condition = { for f, m in module.function : f => toset(flatten([for s in jsondecode(m.policy).Statement : [for a in s.Action : a if startswith(a, "cognito-idp:")]])) if can(regex("cognito-idp:", m.policy)) } == {
      http     = toset(["cognito-idp:AdminAddUserToGroup", "cognito-idp:AdminDeleteUser", "cognito-idp:DescribeUserPoolClient"])
      maintain = toset(["cognito-idp:AdminDeleteUser"])
    }
    error_message = "Only the HTTP API administers people; maintain finishes erasures."
  }
  assert {
    condition     = alltrue([for f, m in module.function : alltrue([for s in jsondecode(m.policy).Statement : s.Resource == ["arn:pool"] if can(regex("cognito-idp:", join(" ", s.Action)))])])
    error_message = "People of this pool only."
  }
  assert {
    condition     = toset(flatten([for s in jsondecode(module.function["socket"].policy).Statement : s.Resource if contains(s.Action, "execute-api:ManageConnections")])) == toset([for m in ["DELETE", "GET", "POST"] : "arn:s1/ws/${m}/@connections/*"])
    error_message = "Sockets of this API are pushed to and closed, and no others."
  }
}

run "events" {
  assert {
    condition = alltrue([for m in values(aws_lambda_event_source_mapping.queue) :
    m.function_response_types == toset(["ReportBatchItemFailures"]) && m.scaling_config[0].maximum_concurrency == 20])
    error_message = "Messages fail one by one, and not too many run at once."
  }
  assert {
    condition     = aws_lambda_event_source_mapping.stream.function_response_types == toset(["ReportBatchItemFailures"]) && aws_lambda_event_source_mapping.stream.bisect_batch_on_function_error && aws_lambda_event_source_mapping.stream.maximum_retry_attempts == 5
    error_message = "A record that cannot be handled does not hold up the others for ever."
  }
  assert {
    condition     = aws_lambda_event_source_mapping.stream.destination_config[0].on_failure[0].destination_arn == "arn:stream-dead"
    error_message = "What the stream gives up is not lost."
  }
  assert {
    condition     = aws_lambda_event_source_mapping.stream.event_source_arn == "arn:messages/stream/1"
    error_message = "The stream is that of the messages."
  }
}

run "environment_of_the_functions" {
  assert {
    condition = { for k, v in local.environment : k => v } == {
      PARLEY_TABLE_PREFIX         = "parley-test-"
      PARLEY_FANOUT_QUEUE_URL     = "https://fanout"
      PARLEY_NOTIFY_QUEUE_URL     = "https://notify"
      PARLEY_SOCKET_ENDPOINT      = "https://s1.execute-api.eu-central-1.amazonaws.com/ws"
      PARLEY_PUBLIC_URL           = "https://d.cloudfront.net"
      PARLEY_ORIGIN_SECRET        = "of-the-origin"
      PARLEY_FILES_BUCKET         = "parley-test-files-123456789012"
      PARLEY_REGISTRATION         = "invite"
      PARLEY_IDENTITY             = "cognito"
      PARLEY_VAPID_PARAMETER      = "/parley/test/vapid"
      PARLEY_LOG_FORMAT           = "json"
      PARLEY_COGNITO_USER_POOL_ID = "eu-central-1_p"
      PARLEY_COGNITO_CLIENT_ID    = "client"
    }
    error_message = "The names that the functions read."
  }
}

run "accounts_of_ones_own" {
  variables {
    identity = "local"
  }
  assert {
    condition     = length(module.identity) == 0 && !can(regex("cognito", join(" ", [for f in module.function : f.policy])))
    error_message = "Without Cognito there is no pool and no right to one."
  }
}

run "refuses_unknown_registration" {
  command = plan
  variables {
    registration = "everybody"
  }
  expect_failures = [var.registration]
}

# Nothing that costs while it idles: no network of one's own, no machines, no provisioned capacity.
run "nothing_with_a_fixed_price" {
  command = plan
  assert {
    condition = local.log_days == 14 && !can(regex(
      "resource +\"aws_(vpc|subnet|nat_gateway|eip|internet_gateway|vpc_endpoint|instance|lb|ecs_service|db_instance|rds_cluster|elasticache_cluster|kms_key|secretsmanager_secret|lambda_provisioned_concurrency_config)\"",
      join("\n", [for f in setunion(fileset("..", "*/*.tf"), fileset("../../environments", "*/*.tf")) : fileexists("../${f}") ? file("../${f}") : file("../../environments/${f}")]),
    ))
    error_message = "A resource with a price a month."
  }
  assert {
    condition     = local.log_days == 14 && length(fileset("..", "*/*.tf")) > 20
    error_message = "The modules were looked at."
  }
}
