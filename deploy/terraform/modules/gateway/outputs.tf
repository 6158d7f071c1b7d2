output "socket_host" {
  description = "Host name of the WebSocket API; its path is /ws."
  value       = trimprefix(aws_apigatewayv2_api.socket.api_endpoint, "wss://")
}

output "socket_endpoint" {
  description = "Where functions push to sockets: the endpoint of @connections, with the stage."
  value       = "${replace(aws_apigatewayv2_api.socket.api_endpoint, "wss://", "https://")}/ws"
}

output "connections_arn" {
  description = "ARN of all connections, before the method: ARN/POST/@connections/*."
  value       = "${aws_apigatewayv2_api.socket.execution_arn}/ws"
}

output "http_host" {
  description = "Host name of the HTTP API."
  value       = trimprefix(aws_apigatewayv2_api.http.api_endpoint, "https://")
}
