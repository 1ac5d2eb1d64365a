# The words of the pages in Japanese.

language-tag = ja
direction = ltr

## Dates and durations

date = { $year }年{ $month ->
    [1] 1
    [2] 2
    [3] 3
    [4] 4
    [5] 5
    [6] 6
    [7] 7
    [8] 8
    [9] 9
    [10] 10
    [11] 11
   *[12] 12
}月{ $day }日
date-time = { $date } { $time }（UTC）
duration-minutes = { $count ->
   *[other] { $count }分間
}
duration-hours = { $count ->
   *[other] { $count }時間
}
duration-days = { $count ->
   *[other] { $count }日間
}

## On every page

account-link = 連携中のアプリ
support-link = ヘルプ
privacy-link = プライバシー
return-to = { $place } に戻る
return-to-app = アプリに戻る
sign-in-with = { $upstream }でログイン

## The consent page

lead-web = { $place } が、あなたに代わって{ $resource }を使う許可を求めています
lead-document = { $document } のアプリが、あなたに代わって{ $resource }を使う許可を求めています
lead-loopback = このコンピューター上のアプリが、あなたに代わって{ $resource }を使う許可を求めています
lead-private-scheme = このデバイス上のアプリが、あなたに代わって{ $resource }を使う許可を求めています
lead-vouched = { $name }が、あなたに代わって{ $resource }を使う許可を求めています

# Claims of the app.
claim-vouched = このサービスの運営者が追加したアプリです。
claim-documented = そのサイトは、このアプリの名前を「{ $name }」としています。
claim-documented-unnamed = そのサイトにはこのアプリの説明がありますが、名前は書かれていません。
claim-says-document = アプリは「{ $name }」と名乗り、作ったのは { $document } だと言っています。これは誰も確認していません。
claim-says-document-unnamed = アプリは、作ったのは { $document } だと言っています。これは誰も確認していません。
claim-unchecked = アプリは「{ $name }」と名乗っています。これは誰も確認していません。
claim-unnamed = アプリは名乗っておらず、誰が作ったのかを確認した人もいません。
claim-withheld = アプリが名乗っている名前は、ここには表示できません。

doubt-claims-approval = 名前に、承認を受けたかのような言葉が入っています。実際には、誰もこのアプリを承認も確認もしていません。
doubt-instructs = 名前に、あなたへの指示が入っています。まっとうな名前なら、指示などしません。
doubt-confusable = 名前に、ほかの文字に似せた文字が使われています。
doubt-unreadable = 名前に、誤解を招くおそれのある文字が含まれています。
doubt-well-known-web = 「{ $name }」はよく知られた名前ですが、{ $place } はそのサイトではありません。思っているアプリとは別のものと考えられます。
doubt-well-known-scheme = 「{ $name }」はよく知られた名前ですが、その名前のアプリは { $place } のリンクを開きません。思っているアプリとは別のものと考えられます。
doubt-address = 名前にアドレスが含まれていますが、アクセス権の渡る先はそこではありません。

danger-elsewhere = アクセス権は { $place } に渡ります。このアプリの説明を載せているサイト { $document } ではありません。
danger-confusable = { $place } は、別のアドレスに見せかけるまぎらわしい文字で書かれています。

question-web = たった今、{ $place } からこのページに来ましたか？違う場合は、拒否してください。
question-loopback = たった今、ご自身でこのコンピューターのアプリの連携を始めましたか？違う場合は、拒否してください。どのアプリが求めているのか、こちらからは見えません。
question-private-scheme = たった今、ご自身でこのデバイスのアプリの連携を始めましたか？違う場合は、拒否してください。どのアプリが求めているのか、こちらからは見えません。
question-vouched = たった今、{ $name }の連携を始めましたか？違う場合は、拒否してください。

what-heading = アプリができるようになること
what-everything = そこであなたにできることすべて（アプリは範囲を限定していません）
upstream-tokens = { $resource }は、{ $upstream }のあなたのアカウントの鍵（アクセストークン）を受け取り、そこであなたとして操作できます。
group-reading = 見るだけ
group-changing = 変更する
new-scope = 新規
tools = { $count ->
   *[other] { $count }個のツールが使えるようになります
}
choice-hint = 許可したくない項目のチェックを外してください。その場合、アプリの機能の一部が使えなくなることがあります。
presets = まとめて選ぶ：{ $read_only }、{ $everything }
preset-read-only = 見るだけ
preset-everything = すべて

as-known = 使うアカウント：<strong>{ $person }</strong>（{ $upstream }）
not-you = 別のアカウントを使う
next-sign-in = 次に、{ $upstream }でログインします。アカウントはそこで選べます。
next-known = 次に、{ $upstream }でご本人であることを確認します。
how-long = 許可の有効期間は{ $lifetime }です。{ $apps }で、その前に解除することもできます。
policy-linked = 続けると、{ $issuer }のポリシー（{ $policy }）にも同意したことになります。
policy-plain = 続けると、{ $issuer }のポリシー（バージョン { $version }）にも同意したことになります。
policy-version = バージョン { $version }

answer-heading = 許可しますか？
deny = 拒否する
approve = 許可する
closing-fresh = 迷ったときは、拒否するか、このページを閉じてください。許可するまで、何も起こりません。
closing-approved = 許可するつもりではなかった場合は、今すぐ拒否してください。

notice-changed = <strong>もう一度ご確認ください。</strong>このページを表示した後に、アプリの情報が変わりました。まだ何も決まっていません。
notice-policy = このアプリを許可した後に、<strong>ポリシーが変わりました。</strong>許可した内容は引き続き有効です。新しい内容を読んでから、お答えください。
notice-approved = <strong>許可は済みましたが、まだログインしていません。</strong>選んだ内容は下のとおりです。ログインするまでは変更でき、最後の回答が有効になります。
notice-signing-in = <strong>許可は済んでおり、ログインの処理も終わるところです。</strong>選んだ内容は下のとおりです。今からでも拒否できます。別の内容を許可するには、アプリからやり直してください。
notice-embedded = このページは別のアプリの中に表示されています。そのアプリは、これから入力する内容を読み取れるかもしれません。できれば、ご自身のブラウザーで開いてください。

details-heading = 詳細
details-app = アプリ
details-registered = アプリがこのサービスに登録した日
details-address = アクセス権の渡る先のアドレス
details-resource = { $resource }のアドレス
details-scopes = 権限の名前
details-deny = 拒否した場合
details-deny-text = 何も共有されません。アプリには、拒否したということだけが伝わり、あなたについてほかに何も伝わりません。

goes-to-web = アクセス権は { $place } に渡ります。
goes-to-loopback = アクセス権は、このコンピューター上のアプリ（{ $place }）に渡ります。
goes-to-private-scheme = アクセス権は、このデバイスで { $place } のリンクを開くアプリに渡ります。

## The page with one button

one-click-before = 以前にも許可した内容です。{ $goes }
one-click-button = { $person }として続ける
one-click-full = すべて表示する、または拒否する
one-click-closing = 迷ったときは、このページを閉じてください。続けるまで、何も起こりません。

## After the login

signed-in-title = { $person }としてログインしました。ご本人ですか？
signed-in-account = { $upstream }のアカウント：{ $account }
signed-in-warning = ご自身のアカウントでなければ、続けないでください。アプリが別の人の名義で動き、そこであなたがしたことを、その人に見られるおそれがあります。
signed-in-what = これから許可する内容
signed-in-notice-changed = <strong>もう一度ご確認ください。</strong>このページを表示した後に、アプリの情報が変わりました。まだ何も共有されていません。
signed-in-answer = ご本人ですか？

## The page of a finished request

allowed-lead-web = { $place } があなたに代わって{ $resource }を使うことを許可しました
allowed-lead-document = { $document } のアプリがあなたに代わって{ $resource }を使うことを許可しました
allowed-lead-loopback = このコンピューター上のアプリがあなたに代わって{ $resource }を使うことを許可しました
allowed-lead-private-scheme = このデバイス上のアプリがあなたに代わって{ $resource }を使うことを許可しました
allowed-lead-vouched = { $name }があなたに代わって{ $resource }を使うことを許可しました
allowed-ended = <strong>この許可は終了しました。</strong>ご自身で取り消したか、期限が切れています。アプリはもう、この許可では何もできません。
allowed-too-late = <strong>この回答は間に合いませんでした。</strong>すでに許可が済み、アプリはアクセス権を持っています。取り消すまで有効です。
allowed-what = { $day }に許可した内容
allowed-back = 許可を取り消すには
allowed-nothing-left = 取り消すものはもうありません。アクセスはすぐに終わります。毎回の確認がないところでは、数分かかることがあります。
allowed-take-back = このアプリが{ $resource }であなたに代わってできることは、すべて終わります。すぐに終わりますが、毎回の確認がないところでは、数分かかることがあります。
allowed-take-back-button = 許可を取り消す
allowed-other-session = このブラウザーでは、許可したときのアカウントでログインしていません。そのアカウントでログインして、{ $apps }で解除してください。

## Connected apps

account-title = 連携中のアプリ
account-intro = これらのアプリは、あなたに代わって操作することができます。解除すると、もう一度許可するまで、そのアプリは何もできなくなります。
account-person = <strong>{ $person }</strong>（{ $upstream }のアカウント）としてログインしています。
account-incomplete = このページに表示しきれないアプリがあります。いくつか解除すると、残りが表示されます。
account-empty = このアカウントでここにアクセスできるアプリはありません。
account-empty-hint = あるはずのアプリが見つかりませんか？連携したときに、{ $upstream }の別のアカウントを使ったのかもしれません。
account-just-removed = <strong>解除しました。</strong>次のアプリは、もう何もできません：
app-vouched = { $name }
app-documented = { $document } のアプリ
app-unknown = アプリ
app-removed = このサービスへの登録がなくなったため、今は何もできません。
receiver-web = { $place }
receiver-loopback = コンピューター上のアプリ（{ $place }）
receiver-private-scheme = デバイス上のアプリ（{ $place }）
account-also = アクセス権は、次のところにも渡りました：
account-scopes = { $resource }でできること
account-since = 許可した日時：{ $time }
account-last-used = 最後に使われた日時：{ $time }
account-unused = 最近は使われていません
account-expires = 遅くとも{ $time }に終了
account-remove = 解除
account-all-heading = すべてのアプリ
account-all-summary = すべてのアプリを解除…
account-all-text = 上のアプリはどれも、もう一度あなたに許可を求めなければ、何もできなくなります。
account-all-button = はい、すべて解除します
account-connection-heading = このサービスが{ $upstream }であなたに代わってできること
account-connection-in-order = このサービスは、アプリから頼まれたことを行うために、{ $upstream }のあなたのアカウントを使えます。アプリ自身がそのアクセス権を受け取ることはありません。
account-connection-since = ログインした日時：{ $time }
account-connection-scopes = アクセス権の範囲（{ $upstream }での名称）
account-connection-scopes-unknown = { $upstream }は範囲を示していません
account-connection-end = 接続を解除
account-connection-end-hint = アプリの許可はそのまま残りますが、{ $upstream }にもう一度ログインするまで、{ $upstream }を使う操作はできません。
account-connection-sign-in = このアクセス権は{ $upstream }で受け付けられなくなったか、期限が切れました。アプリが必要になったときに、もう一度ログインするよう求めます。
account-connection-ended = 接続を解除した日時：{ $time }。アプリがこのアクセス権を必要としたときに、もう一度ログインするよう求めます。
account-connection-just-ended = <strong>接続を解除しました。</strong>このサービスは、{ $upstream }であなたに代わって何かをすることはもうできません。アプリの許可はそのまま残っています。
account-removed-heading = 過去30日間に解除したアプリ
account-removed-app = { $app }（{ $resource }）
account-removed-hint = アクセスはすぐに終わりますが、毎回の確認がないところでは、数分かかることがあります。アプリがそれまでに取得したものは、アプリ側に残っているかもしれません。
account-session-heading = このページについて
account-session = このページを15分間使わないと、自動的にログアウトします。
account-sign-out = このページからログアウト
sign-in-text = ここでは、あなたに代わって操作できるアプリを確認し、許可を取り消すことができます。ほかの人のものではなく、あなたのアプリだけを表示するために、どなたなのかを確認させてください。
sign-in-state = このページにログインしていません。
sign-in-closing = ここでログインしても、アプリには何も渡りません。{ $upstream }に尋ねるのは、どなたなのかということだけです。

## The page at the service’s own address

home-title = ログインと許可
home-text = アプリがあなたに代わって操作する前に、このサービスがあなたの許可を確認します。このページはアプリから開かれるもので、ここで始める操作はありません。
home-account = 許可した内容の確認や取り消しは、{ $apps }でできます。

## Errors

error-next-heading = 対処方法
error-details-heading = このサービスの運営者向けの情報
error-request-id = 受付番号
error-reason = 理由
error-details = 詳細
error-retry = 確認画面をもう一度開く
error-account = 使ったアカウント：<strong>{ $person }</strong>（{ $upstream }）

start-again = 連携しようとしていたアプリに戻り、そこからもう一度連携を始めてください。
tell-the-maker = アプリに戻り、もう一度お試しください。またこのページが表示される場合は、アプリの開発元にしか直せない不具合があります。このページの内容を開発元に伝えてください。下の詳細が役に立ちます。
tell-us = 少し待ってから、もう一度お試しください。同じことがまた起きる場合は、下の受付番号を添えて、このサービスの運営者にお知らせください。
refused-app = アプリからの要求を受け付けられません

error-not-found =
    .title = ここには何もありません
    .what = このアドレスにページはありません。
    .next = アドレスを確かめるか、元のアプリに戻ってください。
error-method-not-allowed =
    .title = ここではできません
    .what = このアドレスはありますが、この種類の要求には使えません。
    .next = { start-again }
error-too-many-requests =
    .title = 少しお待ちください
    .what = あなた、または同じネットワークを使うほかの人から、短い時間に応じきれない数の要求がありました。
    .next = 1分ほど待ってから、このページを再読み込みしてください。それでも解決しない場合は、アプリからやり直してください。
error-at-capacity =
    .title = 少し待ってから、もう一度お試しください
    .what = ただいま大変混み合っていて、このサービスは応答できません。
    .next = 数秒待ってから、このページを再読み込みしてください。それでも解決しない場合は、アプリからやり直してください。
error-issuer-unknown =
    .title = ここには何もありません
    .what = このアドレスで応答するログインサービスはありません。
    .next = アドレスを確かめるか、元のアプリに戻ってください。
error-parameter-repeated =
    .title = { refused-app }
    .what = アプリの要求に、同じ項目が2回以上含まれています。
    .next = { tell-the-maker }
error-parameter-missing =
    .title = { refused-app }
    .what = アプリの要求に、必要なものが足りません。
    .next = { tell-the-maker }
error-request-malformed =
    .title = { refused-app }
    .what = アプリの要求を読み取れませんでした。
    .next = { tell-the-maker }
error-request-too-large =
    .title = 要求が大きすぎます
    .what = ここで受け付けられる量を超えるデータが、ブラウザーまたはアプリから送られました。
    .next = アプリに戻って、やり直してください。それでも解決しない場合は、ブラウザーでこのサイトのCookieを削除してから、もう一度お試しください。
error-unauthenticated =
    .title = このサービスは正しく設定されていません
    .what = このサービスの2つの部分が、互いを認識できていません。あなたのせいでも、アプリのせいでもありません。
    .next = 下の受付番号を添えて、このサービスの運営者にお知らせください。
error-permission-denied =
    .title = このサービスは正しく設定されていません
    .what = このサービスの2つの部分が、互いを認識できていません。あなたのせいでも、アプリのせいでもありません。
    .next = 下の受付番号を添えて、このサービスの運営者にお知らせください。
error-record-unknown =
    .title = ここには何もありません
    .what = 求められたものは、ここにないか、すでになくなっています。
    .next = { tell-us }
error-page-token-invalid =
    .title = { refused-app }
    .what = 別のサービスが、もう存在しないものを求めました。
    .next = { tell-the-maker }
error-revision-lost =
    .title = { refused-app }
    .what = 別のサービスが、もう存在しないものを求めました。
    .next = { tell-the-maker }
error-cursor-lost =
    .title = { refused-app }
    .what = 別のサービスが、もう存在しないものを求めました。
    .next = { tell-the-maker }
error-watch-too-slow =
    .title = { refused-app }
    .what = 別のサービスが、もう存在しないものを求めました。
    .next = { tell-the-maker }
error-request-id-reused =
    .title = { refused-app }
    .what = 異なる2つの要求に、同じ番号が付いています。
    .next = { tell-the-maker }
error-store-unavailable =
    .title = 少し待ってから、もう一度お試しください
    .what = このサービスは、ただいま応答できません。
    .next = 数秒待ってから、このページを再読み込みしてください。それでも解決しない場合は、アプリからやり直してください。
error-storage-short =
    .title = 今は新しい連携ができません
    .what = このサービスには今、新しいものを保存する空きがありません。すでにある連携は、このまま使えます。
    .next = 後でもう一度お試しください。この状況は、このサービスの運営者が見る記録に残されています。
error-fault =
    .title = 問題が起きました
    .what = このサービスでエラーが起き、記録されました。
    .next = { tell-us }
error-client-unknown =
    .title = このアプリはここに登録されていません
    .what = アプリがこのサービスに登録されていないか、登録の期限が切れています。
    .next = アプリでこの連携を削除し、もう一度追加してください。アプリの登録が改めて行われます。
error-client-disabled =
    .title = このアプリはブロックされています
    .what = このサービスの運営者が、アプリをブロックしました。
    .next = 間違いだと思われる場合は、下の受付番号を添えて、このサービスの運営者にお問い合わせください。
error-client-authentication-failed =
    .title = アプリの身元を確認できませんでした
    .what = アプリの鍵が間違っているか、鍵がありません。
    .next = { tell-the-maker }
error-client-assertion-invalid =
    .title = アプリの身元を確認できませんでした
    .what = アプリの鍵が間違っているか、鍵がありません。
    .next = { tell-the-maker }
error-client-assertion-replayed =
    .title = アプリの身元を確認できませんでした
    .what = アプリの鍵が間違っているか、鍵がありません。
    .next = { tell-the-maker }
error-resource-server-unknown =
    .title = アプリの身元を確認できませんでした
    .what = アプリの鍵が間違っているか、鍵がありません。
    .next = { tell-the-maker }
error-initial-access-token-invalid =
    .title = アプリの身元を確認できませんでした
    .what = アプリの鍵が間違っているか、鍵がありません。
    .next = { tell-the-maker }
error-registration-access-token-invalid =
    .title = アプリの身元を確認できませんでした
    .what = アプリの鍵が間違っているか、鍵がありません。
    .next = { tell-the-maker }
error-access-token-missing =
    .title = アプリにはここへのアクセス権がありません
    .what = アプリに鍵がないか、ここでは使えない鍵です。
    .next = { tell-the-maker }
error-access-token-invalid =
    .title = アプリにはここへのアクセス権がありません
    .what = アプリに鍵がないか、ここでは使えない鍵です。
    .next = { tell-the-maker }
error-scope-insufficient =
    .title = アプリにはこの操作が許可されていません
    .what = アプリに許可された内容に、この操作は含まれていません。
    .next = { tell-the-maker }
error-client-authentication-ambiguous =
    .title = { refused-app }
    .what = アプリが、自分が何者かを同時に2通りの方法で示しました。
    .next = { tell-the-maker }
error-redirect-uri-unregistered =
    .title = この要求を止めました
    .what = アプリが登録したことのないアドレスに、アクセス権が渡るところでした。何かの間違いか、誰かがあなたのアカウントを狙っている可能性があります。
    .next = 何も共有されていません。誰かから送られたリンクでここに来た場合は、そのリンクを二度と使わないでください。ご自身でアプリを連携しようとしている場合は、アプリでその連携を削除し、もう一度追加してください。
error-metadata-url-invalid =
    .title = { refused-app }
    .what = アプリが自分を示すために挙げたアドレスを、調べることができません。
    .next = { tell-the-maker }
error-metadata-host-forbidden =
    .title = そのサイトのアプリは受け付けていません
    .what = このサービスの運営者は、自ら選んだサイトのアプリだけを受け付けています。
    .next = このアプリも受け付けるべきだと思われる場合は、下の受付番号を添えて、このサービスの運営者にお問い合わせください。
error-metadata-document-invalid =
    .title = アプリのサイトで、このアプリを確認できません
    .what = アプリは、あるサイトに自分の説明があると言っています。しかし、そこにある内容がアプリと合わないか、そこには何もありません。
    .next = { tell-the-maker }
error-metadata-document-unavailable =
    .title = アプリのサイトが応答しません
    .what = アプリは、あるサイトに自分の説明があると言っていますが、今はそのサイトに問い合わせることができません。
    .next = 1分ほど待ってから、このページを再読み込みしてください。この状態が続く場合は、アプリのサイトが停止しているのかもしれません。
error-redirect-uri-forbidden =
    .title = このアプリはここでは連携できません
    .what = アプリが望む先にアクセス権を渡すことを、このサービスの運営者は認めていません。
    .next = 間違いだと思われる場合は、下の受付番号を添えて、このサービスの運営者にお問い合わせください。
error-registrations-full =
    .title = 今は新しいアプリを登録できません
    .what = このサービスに登録できるアプリの数が、上限に達しています。
    .next = 後でもう一度お試しください。この状態が続く場合は、このサービスの運営者にお問い合わせください。
error-registration-closed =
    .title = アプリからの登録は受け付けていません
    .what = アプリは、このサービスの運営者が手作業で追加しています。
    .next = 連携したいアプリを追加するよう、運営者にご依頼ください。
error-token-exchange-unsupported =
    .title = { refused-app }
    .what = サーバーが、ここでは提供していないものを要求しました。
    .next = { tell-the-maker }
error-audience-unknown =
    .title = { refused-app }
    .what = サーバーが、ここでは使われていないアカウントへのアクセスを要求しました。
    .next = { tell-the-maker }
error-subject-token-invalid =
    .title = { error-access-token-invalid.title }
    .what = { error-access-token-invalid.what }
    .next = { tell-the-maker }
error-upstream-tokens-withheld =
    .title = { refused-app }
    .what = サーバーが、ログインサービスのあなたのアカウントへのアクセスを要求しましたが、ここでは渡されません。
    .next = { tell-the-maker }
error-upstream-consent-missing =
    .title = もう一度許可が必要です
    .what = サーバーがログインサービスであなたとして操作することは、まだ説明されていません。
    .next = アプリからもう一度連携を始めてください。
error-account-no-longer-allowed =
    .title = このアカウントはここではもう使えません
    .what = このサービスの運営者は、このアカウントをもう受け付けていません。アクセスが終了したことは、アプリに通知されています。
    .next = 受け付けられる別のアカウントをお持ちの場合は、アプリからもう一度連携を始めてください。このアカウントも受け付けるべきだと思われる場合は、下の受付番号を添えて、このサービスの運営者にお問い合わせください。
error-upstream-login-needed =
    .title = もう一度ログインが必要です
    .what = ログインサービスは、この連携をもう受け付けていません。
    .next = アプリからもう一度連携を始めてください。
error-upstream-token-unavailable =
    .title = { error-upstream-unavailable.title }
    .what = ログインに使うサービスに、今は接続できません。
    .next = 1分ほど待ってから、もう一度お試しください。
error-token-type-unsupported =
    .title = { refused-app }
    .what = アプリが、返すことのできないものを返そうとしました。
    .next = { tell-the-maker }
error-redirect-uri-missing =
    .title = { refused-app }
    .what = アクセス権を渡す先が、アプリから示されていません。
    .next = { tell-the-maker }
error-response-type-unsupported =
    .title = { refused-app }
    .what = アプリが、ここにはないログイン方法を求めました。
    .next = { tell-the-maker }
error-response-mode-unsupported =
    .title = { refused-app }
    .what = アプリが、ここにはないログイン方法を求めました。
    .next = { tell-the-maker }
error-request-object-unsupported =
    .title = { refused-app }
    .what = アプリが、ここにはないログイン方法を求めました。
    .next = { tell-the-maker }
error-request-uri-unsupported =
    .title = { refused-app }
    .what = アプリが、ここにはないログイン方法を求めました。
    .next = { tell-the-maker }
error-pkce-required =
    .title = { refused-app }
    .what = ここで必要な保護（PKCE）が、アプリの要求にありません。
    .next = { tell-the-maker }
error-pkce-method-unsupported =
    .title = { refused-app }
    .what = ここで必要な保護（PKCE）が、アプリの要求にありません。
    .next = { tell-the-maker }
error-pkce-challenge-malformed =
    .title = { refused-app }
    .what = ここで必要な保護（PKCE）が、アプリの要求にありません。
    .next = { tell-the-maker }
error-resource-unknown =
    .title = { refused-app }
    .what = アプリが、このサービスの保護対象ではないものへのアクセスを求めました。
    .next = { tell-the-maker }
error-resource-required =
    .title = { refused-app }
    .what = 何へのアクセスを求めているのかが、アプリから示されていません。
    .next = { tell-the-maker }
error-scope-invalid =
    .title = { refused-app }
    .what = アプリが、ここにはない権限を求めました。
    .next = { tell-the-maker }
error-interaction-required =
    .title = あなたへの確認が必要です
    .what = アプリが、ページを表示せずに連携しようとしました。ここでは、それはできません。
    .next = { start-again }
error-ticket-invalid =
    .title = このページは無効です
    .what = このページへのリンクが不完全です。
    .next = { start-again }
error-ticket-expired =
    .title = このページの期限が切れました
    .what = アプリからこのページに来た後、時間がたちすぎました。何も共有されていません。
    .next = { start-again }
error-cross-site =
    .title = この要求を止めました
    .what = 別のサイトが、あなたの代わりに回答しようとしました。何も決まっておらず、何も共有されていません。
    .next = その別のサイトを閉じてください。ご自身でアプリを連携しようとしている場合は、アプリからやり直してください。
error-browser-cookie-missing =
    .title = ブラウザーからCookieが戻ってきませんでした
    .what = 回答は、確認画面を表示したブラウザーからのものだけを受け付けます。それを確かめるためのCookieが戻ってきませんでした。何も決まっていません。
    .next = このサイトのCookieを許可してから、アプリからやり直してください。アプリが独自のウィンドウでこのページを開いた場合は、普段お使いのブラウザーをご利用ください。
error-browser-cookie-missing-over-http =
    .title = { error-browser-cookie-missing.title }
    .what = { error-browser-cookie-missing.what }
    .next = このアドレスはhttpで始まるため、Safariなど一部のブラウザーでは、保護されたCookieが保存されません。Chrome、Edge、Firefoxのいずれかを使うか、httpsで始まるアドレスをご利用ください。
error-form-token-invalid =
    .title = 回答を受け付けられませんでした
    .what = このブラウザーに表示したページからの回答ではありません。何も決まっていません。
    .next = 前の画面に戻り、ページを再読み込みして、もう一度お答えください。それでも解決しない場合は、アプリからやり直してください。
error-decision-missing =
    .title = まだ選ばれていません
    .what = 「許可する」も「拒否する」も届かなかったか、許可する項目が1つもチェックされていませんでした。何も決まっていません。
    .next = 前の画面に戻り、どちらかのボタンを押してください。
error-already-decided =
    .title = 拒否済みです
    .what = 拒否という回答を受け、アプリにもそう伝えました。何も共有されておらず、今後も共有されません。
    .next = やはり許可する場合は、アプリからもう一度連携を始めてください。
error-login-begun =
    .title = 回答はもう変更できません
    .what = すでに許可が済み、そのためのログインが始まっています。そのときにチェックした内容が有効です。
    .next = 中止するには、前の画面に戻って「拒否する」を選んでください。別の内容を許可するには、アプリからもう一度連携を始めてください。
error-state-invalid =
    .title = このリンクは無効です
    .what = ここで始めたログインのリンクではありません。
    .next = { start-again }
error-login-replaced =
    .title = この後に、もう一度回答されています
    .what = これは前の回答に対するログインで、その回答は後の回答に置き換えられています。このページからは何も共有されていません。
    .next = 最後に回答したページでログインするか、アプリからもう一度連携を始めてください。
error-state-cookie-missing =
    .title = このログインはここでは続けられません
    .what = 別のブラウザーで始めたログインか、すでに終わったログインです。このページからは何も共有されていません。
    .next = このリンクが誰かから送られてきたものなら、ページを閉じてください。ご自身でアプリを連携しようとしていた場合は、アプリからやり直し、最後まで同じブラウザーをお使いください。
error-browser-mismatch =
    .title = この要求を止めました
    .what = ログインしたブラウザーが、許可したブラウザーと異なります。何も共有されていません。
    .next = ログイン用のリンクが誰かから送られてきたものなら、ページを閉じてください。ご自身でアプリを連携しようとしていた場合は、アプリからやり直し、最後まで同じブラウザーをお使いください。
error-login-expired =
    .title = ログインに時間がかかりすぎました
    .what = ログインの制限時間が過ぎました。何も共有されていません。
    .next = { start-again }
error-login-interrupted =
    .title = ログインが中断されました
    .what = このログインは、別の画面で処理が終わるところか、途中で途切れています。
    .next = アプリをご確認ください。すでに連携が済んでいるかもしれません。まだの場合は、アプリからもう一度連携を始めてください。
error-already-finished =
    .title = このログインはすでに終わっています
    .what = すべてが完了した後に、このページがもう一度開かれました。
    .next = このページは閉じてかまいません。アプリが連携されていない場合は、アプリからもう一度連携を始めてください。
error-too-many-failed-logins =
    .title = 少しお待ちください
    .what = あなた、または同じネットワークを使うほかの人のログインが、何度も失敗しています。今回のログインは、まだ処理していません。
    .next = 1分ほど待ってから、このページを再読み込みしてください。
error-upstream-unavailable =
    .title = ログインサービスが応答しません
    .what = ログインに使うサービスに、今は接続できません。何も共有されていません。
    .next = 1分ほど待ってから、アプリからもう一度連携を始めてください。
error-upstream-invalid =
    .title = ログインを確認できませんでした
    .what = ログインに使うサービスの応答が、信頼できないものでした。何も共有されていません。
    .next = { tell-us }
error-upstream-denied =
    .title = ログインできませんでした
    .what = ログインがキャンセルされたか、ログインに使うサービスに断られました。何も共有されていません。
    .next = { start-again }
error-signed-in-as-another =
    .title = ご本人ではありませんでした
    .what = 別の人のアカウントでログインされました。何も共有されておらず、アプリには何も渡りません。
    .next = ログインに使うサービスからログアウトしてください。その後、アプリからもう一度連携を始め、ご自身のアカウントでログインしてください。
error-account-not-allowed =
    .title = このアカウントはここでは使えません
    .what = このサービスの運営者は、特定のアカウントだけを受け付けており、このアカウントはその中にありません。何も共有されておらず、アプリには何も渡りません。
    .next = 受け付けられる別のアカウントをお持ちの場合は、そちらをお使いください。このアカウントも受け付けるべきだと思われる場合は、下の受付番号を添えて、このサービスの運営者にお問い合わせください。
error-account-session-missing =
    .title = ログアウトされました
    .what = このページは、しばらく使わないと自動的にログアウトします。何も変更されていません。
    .next = 「連携中のアプリ」に戻り、ログインして、もう一度お試しください。
error-grant-type-unsupported =
    .title = { refused-app }
    .what = アプリが、自分に認められていない方法でアクセスを求めました。
    .next = { tell-the-maker }
error-grant-type-unauthorized =
    .title = { refused-app }
    .what = アプリが、自分に認められていない方法でアクセスを求めました。
    .next = { tell-the-maker }
error-code-invalid =
    .title = 連携をやり直す必要があります
    .what = アプリの連携用コードが有効ではありません。
    .next = { start-again }
error-code-replayed =
    .title = 連携をやり直す必要があります
    .what = アプリの連携用コードが2回使われたため、それによるアクセスを終了しました。
    .next = { start-again }
error-redirect-uri-mismatch =
    .title = { refused-app }
    .what = アプリが、許可されたものとは別のアドレスを示しました。
    .next = { tell-the-maker }
error-pkce-mismatch =
    .title = { refused-app }
    .what = この連携を始めたのがそのアプリかどうか、確認できませんでした。
    .next = { tell-the-maker }
error-refresh-token-invalid =
    .title = 連携をやり直す必要があります
    .what = アプリのアクセス権が有効ではありません。
    .next = { start-again }
error-refresh-token-replayed =
    .title = 連携をやり直す必要があります
    .what = アプリの古い鍵がもう一度使われたため、そのアクセスを終了しました。
    .next = { start-again }
error-grant-ended =
    .title = 連携をやり直す必要があります
    .what = アプリのアクセスは、終了したか、取り消されています。
    .next = { start-again }
error-registration-redirect-uri-invalid =
    .title = { refused-app }
    .what = アプリが示したアドレスでは、アクセス権を受け取れません。
    .next = { tell-the-maker }
error-registration-metadata-invalid =
    .title = { refused-app }
    .what = アプリが自分について示した情報は、ここでは受け付けられません。
    .next = { tell-the-maker }
