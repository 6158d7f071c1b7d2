output "url" {
  description = "Where people reach the chat."
  value       = module.cdn.url
}

output "app_bucket" {
  description = "Where the web app is uploaded to."
  value       = module.app.name
}

output "distribution_id" {
  description = "What is invalidated after an upload."
  value       = module.cdn.id
}

output "functions" {
  description = "Names of the functions, by what they are."
  value       = { for name, f in module.function : name => f.name }
}

output "table_prefix" {
  description = "Begins the names of the tables."
  value       = local.prefix
}

output "vapid_parameter" {
  description = "Where the key pair of Web Push is kept."
  value       = local.vapid
}

output "alarm_topic_arn" {
  description = "Where alarms go."
  value       = module.watch.topic_arn
}
