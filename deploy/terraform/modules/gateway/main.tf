# The two APIs in front of the functions. The WebSocket API has only the three routes that API Gateway itself knows: one
# function takes every action and reads the frame anyway, so that a route an action would name things twice.

resource "aws_apigatewayv2_api" "socket" {
  name                       = "${var.prefix}socket"
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
}

resource "aws_apigatewayv2_integration" "socket" {
  api_id             = aws_apigatewayv2_api.socket.id
  integration_type   = "AWS_PROXY"
  integration_method = "POST"
  integration_uri    = var.socket_function.invoke_arn
}

resource "aws_apigatewayv2_route" "socket" {
  for_each = toset(["$connect", "$disconnect", "$default"])

  api_id    = aws_apigatewayv2_api.socket.id
  route_key = each.value
  target    = "integrations/${aws_apigatewayv2_integration.socket.id}"
}

# The stage is called ws, so that the address is /ws, as on one machine, when CloudFront stands before it.
resource "aws_apigatewayv2_stage" "socket" {
  api_id      = aws_apigatewayv2_api.socket.id
  name        = "ws"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = var.rate
    throttling_burst_limit = var.burst
  }

  # Neither paths nor queries, here and below: they can have tickets and the tokens of invitations.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access["socket"].arn
    format = jsonencode({
      requestId          = "$context.requestId"
      connectionId       = "$context.connectionId"
      routeKey           = "$context.routeKey"
      status             = "$context.status"
      integrationStatus  = "$context.integrationStatus"
      integrationLatency = "$context.integrationLatency"
      error              = "$context.error.message"
    })
  }

  depends_on = [aws_apigatewayv2_route.socket]
}

resource "aws_lambda_permission" "socket" {
  action        = "lambda:InvokeFunction"
  function_name = var.socket_function.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.socket.execution_arn}/ws/*"
}

resource "aws_apigatewayv2_api" "http" {
  name          = "${var.prefix}http"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_integration" "http" {
  api_id                 = aws_apigatewayv2_api.http.id
  integration_type       = "AWS_PROXY"
  integration_uri        = var.http_function.invoke_arn
  payload_format_version = "2.0"
}

resource "aws_apigatewayv2_route" "http" {
  api_id    = aws_apigatewayv2_api.http.id
  route_key = "$default"
  target    = "integrations/${aws_apigatewayv2_integration.http.id}"
}

resource "aws_apigatewayv2_stage" "http" {
  api_id      = aws_apigatewayv2_api.http.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = var.rate
    throttling_burst_limit = var.burst
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access["http"].arn
    format = jsonencode({
      requestId          = "$context.requestId"
      method             = "$context.httpMethod"
      status             = "$context.status"
      responseLength     = "$context.responseLength"
      integrationLatency = "$context.integrationLatency"
      error              = "$context.integrationErrorMessage"
    })
  }
}

resource "aws_lambda_permission" "http" {
  action        = "lambda:InvokeFunction"
  function_name = var.http_function.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.http.execution_arn}/*/$default"
}

resource "aws_cloudwatch_log_group" "access" {
  for_each = toset(["socket", "http"])

  name              = "/aws/apigateway/${var.prefix}${each.value}"
  retention_in_days = var.log_days
}
