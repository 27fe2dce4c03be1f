<?php
// A small PHP app for the built-in server, which works on one request at a time.
require getenv('SNIPPETS') . '/publish.php';
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$store = getenv('STORE');
switch ($path) {
    case '/statuses/':
        $lines = file_exists($store) ? file($store, FILE_IGNORE_NEW_LINES) : [];
        if ($_SERVER['REQUEST_METHOD'] === 'POST') {
            $status = ['id' => count($lines) + 1, 'text' => $_POST['text']];
            file_put_contents($store, json_encode($status) . "\n", FILE_APPEND); // as good as a commit
            publish('room:statuses', $status);
            header('Location: /statuses/', true, 303);
            exit;
        }
        header('Content-Type: application/json');
        echo json_encode(['statuses' => array_map('json_decode', $lines)]);
        break;
    case '/cookies':
        setcookie('a', 'x y');
        setcookie('b', '2', ['path' => '/b', 'httponly' => true, 'samesite' => 'Lax']);
        echo "cookies\n";
        break;
    case '/echo':
        header('Content-Type: application/json');
        echo json_encode([$_SERVER['REQUEST_METHOD'], $_SERVER['REQUEST_URI'], $_GET, $_POST, $_COOKIE,
            file_get_contents('php://input'), $_SERVER['HTTP_HOST']]);
        break;
    case '/upload':
        echo filesize($_FILES['file']['tmp_name']), ' ', hash_file('sha256', $_FILES['file']['tmp_name']), "\n";
        break;
    case '/large':
        for ($i = 0; $i < 160; $i++) echo str_repeat('comet', 13107);
        break;
    case '/exact':
        header('Content-Length: 6');
        echo "exact\n";
        break;
    case '/away':
        header('Location: http://' . $_SERVER['HTTP_HOST'] . '/echo?a=1');
        break;
    default:
        http_response_code(404);
        echo "nothing here\n";
}
