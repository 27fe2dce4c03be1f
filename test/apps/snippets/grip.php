<?php
$base = getenv('COMETPROXY') ?: 'http://127.0.0.1:5561';  // its internal listener
if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $item = ['channel' => 'news', 'http-response' => ['body' => file_get_contents('php://input')]];
    file_get_contents("$base/publish/", false, stream_context_create(['http' => ['method' => 'POST', 'timeout' => 2,
        'header' => 'Content-Type: application/json', 'content' => json_encode(['items' => [$item]])]]));
    echo "sent\n";
} else {
    header('Grip-Hold: response');
    header('Grip-Channel: news');
    header('Grip-Timeout: 25');  // seconds
    echo "nothing new\n";  // when they are over
}
