mock_provider "aws" {
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:g" }
  }
}

override_resource {
  target = aws_apigatewayv2_api.socket
  values = { id = "s1", api_endpoint = "wss://s1.execute-api.eu-central-1.amazonaws.com", execution_arn = "arn:aws:execute-api:eu-central-1:123456789012:s1" }
}

override_resource {
  target = aws_apigatewayv2_api.http
  values = { id = "h1", api_endpoint = "https://h1.execute-api.eu-central-1.amazonaws.com", execution_arn = "arn:aws:execute-api:eu-central-1:123456789012:h1" }
}

variables {
  prefix          = "parley-test-"
  socket_function = { name = "parley-test-socket", invoke_arn = "arn:socket" }
  http_function   = { name = "parley-test-http", invoke_arn = "arn:http" }
  rate            = 500
  burst           = 1000
  log_days        = 14
}

run "gateway" {
  assert {
    condition     = output.socket_endpoint == "https://s1.execute-api.eu-central-1.amazonaws.com/ws" && output.socket_host == "s1.execute-api.eu-central-1.amazonaws.com"
    error_message = "Sockets are pushed to at the stage's own endpoint."
  }
  assert {
    condition     = output.http_host == "h1.execute-api.eu-central-1.amazonaws.com"
    error_message = "CloudFront wants a host name."
  }
  assert {
    condition     = toset(keys(aws_apigatewayv2_route.socket)) == toset(["$connect", "$disconnect", "$default"])
    error_message = "The three routes of API Gateway."
  }
  assert {
    condition     = aws_apigatewayv2_integration.http.payload_format_version == "2.0"
    error_message = "The function reads payloads of version 2.0."
  }
  assert {
    condition     = aws_lambda_permission.socket.source_arn == "arn:aws:execute-api:eu-central-1:123456789012:s1/ws/*" && aws_lambda_permission.http.source_arn == "arn:aws:execute-api:eu-central-1:123456789012:h1/*/$default"
    error_message = "Each function is called by its own API only."
  }
  assert {
    condition     = alltrue([for g in aws_cloudwatch_log_group.access : g.retention_in_days == 14]) && length(aws_cloudwatch_log_group.access) == 2
    error_message = "Access logs are kept for 14 days."
  }
  assert {
    condition     = alltrue([for s in [aws_apigatewayv2_stage.socket, aws_apigatewayv2_stage.http] : !can(regex("query|authorizer|path", lower(s.access_log_settings[0].format)))])
    error_message = "Logs have no tickets and no tokens of invitations."
  }
  assert {
    condition     = alltrue([for s in [aws_apigatewayv2_stage.socket, aws_apigatewayv2_stage.http] : s.default_route_settings[0].throttling_rate_limit == 500 && s.default_route_settings[0].throttling_burst_limit == 1000])
    error_message = "Both APIs are throttled."
  }
}
