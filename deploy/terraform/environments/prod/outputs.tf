output "url" {
  description = "Where people reach the chat."
  value       = module.parley.url
}

output "app_bucket" {
  description = "Where the web app is uploaded to."
  value       = module.parley.app_bucket
}

output "distribution_id" {
  description = "What is invalidated after an upload."
  value       = module.parley.distribution_id
}

output "functions" {
  description = "Names of the functions, by what they are."
  value       = module.parley.functions
}

output "table_prefix" {
  description = "Begins the names of the tables."
  value       = module.parley.table_prefix
}

output "vapid_parameter" {
  description = "Where the key pair of Web Push is kept."
  value       = module.parley.vapid_parameter
}

output "alarm_topic_arn" {
  description = "Where alarms go."
  value       = module.parley.alarm_topic_arn
}
