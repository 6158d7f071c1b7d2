// Runs at CloudFront before the cache: /rooms/42 is a place inside the app, whose page is /index.html.
// What has a dot in its last part, or stands under /assets, is a file.
function handler(event) {
  var request = event.request;
  var last = request.uri.substring(request.uri.lastIndexOf('/') + 1);
  if (last.indexOf('.') === -1 && request.uri !== '/assets' && request.uri.indexOf('/assets/') !== 0) {
    request.uri = '/index.html';
  }
  return request;
}
