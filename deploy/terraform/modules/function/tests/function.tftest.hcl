mock_provider "aws" {
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:g" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/r" }
  }
}

variables {
  name        = "parley-test-http"
  description = "A test."
  artifact    = "tests/function.tftest.hcl" # any file
  environment = { PARLEY_FUNCTION = "http" }
  statements  = [{ actions = ["sqs:SendMessage"], resources = ["arn:aws:sqs:eu-central-1:123456789012:q"] }]
  memory      = 512
  timeout     = 29
  tracing     = true
  log_days    = 14
}

run "function" {
  assert {
    condition     = aws_lambda_function.this.runtime == "provided.al2023" && aws_lambda_function.this.architectures == tolist(["arm64"])
    error_message = "A bootstrap for arm64."
  }
  assert {
    condition     = length(aws_lambda_function.this.vpc_config) == 0
    error_message = "A function stands in no VPC."
  }
  assert {
    condition     = aws_cloudwatch_log_group.this.retention_in_days == 14 && aws_cloudwatch_log_group.this.name == "/aws/lambda/parley-test-http"
    error_message = "Its log is kept for 14 days."
  }
  assert {
    condition     = aws_lambda_function.this.logging_config[0].log_group == "/aws/lambda/parley-test-http"
    error_message = "It writes to that log."
  }
  assert {
    condition = jsondecode(aws_iam_role_policy.this.policy).Statement == [
      { Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["arn:aws:logs:eu-central-1:123456789012:log-group:g:*"] },
      { Effect = "Allow", Action = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], Resource = ["*"] },
      { Effect = "Allow", Action = ["sqs:SendMessage"], Resource = ["arn:aws:sqs:eu-central-1:123456789012:q"] },
    ]
    error_message = "The role may do what is listed, write its own log, and trace."
  }
  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Principal.Service == "lambda.amazonaws.com"
    error_message = "Only Lambda takes the role."
  }
}

run "without_traces_no_wildcard_is_left" {
  variables {
    tracing = false
  }
  assert {
    condition     = !contains(flatten(jsondecode(aws_iam_role_policy.this.policy).Statement[*].Resource), "*")
    error_message = "Nothing is allowed on everything."
  }
}

run "refuses_wildcard_actions" {
  command = plan
  variables {
    statements = [{ actions = ["s3:*"], resources = ["arn:aws:s3:::b/*"] }]
  }
  expect_failures = [var.statements]
}

run "refuses_part_wildcard_actions" {
  command = plan
  variables {
    statements = [{ actions = ["dynamodb:Get*"], resources = ["arn:aws:dynamodb:eu-central-1:123456789012:table/t"] }]
  }
  expect_failures = [var.statements]
}

run "refuses_wildcard_resources" {
  command = plan
  variables {
    statements = [{ actions = ["s3:GetObject"], resources = ["*"] }]
  }
  expect_failures = [var.statements]
}

run "refuses_to_hide_something_behind_an_exception" {
  command = plan
  variables {
    statements = [{ actions = ["dynamodb:ListStreams", "dynamodb:GetItem"], resources = ["*"] }]
  }
  expect_failures = [var.statements]
}
