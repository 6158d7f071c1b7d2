variable "region" {
  description = "AWS region in which everything stands."
  type        = string
  default     = "eu-central-1"
}

variable "artifact" {
  description = "Path of the zip that make lambda leaves."
  type        = string
  default     = "../../../../dist/lambda/parley-lambda.zip"
}

variable "alarm_email" {
  description = "Who is told of alarms and of the budget; null for nobody by e-mail."
  type        = string
  default     = null
}
