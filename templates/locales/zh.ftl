# The words of the pages in Chinese (simplified).

language-tag = zh-Hans
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
   *[other] { $count } 分钟
}
duration-hours = { $count ->
   *[other] { $count } 小时
}
duration-days = { $count ->
   *[other] { $count } 天
}

## On every page

account-link = 已连接的应用
support-link = 帮助
privacy-link = 隐私
return-to = 返回 { $place }
return-to-app = 返回应用
sign-in-with = 使用 { $upstream } 登录

## The consent page

lead-web = { $place } 想以您的身份使用 { $resource }
lead-document = { $document } 的应用想以您的身份使用 { $resource }
lead-loopback = 这台电脑上的一个应用想以您的身份使用 { $resource }
lead-private-scheme = 这台设备上的一个应用想以您的身份使用 { $resource }
lead-vouched = { $name } 想以您的身份使用 { $resource }

# Claims of the app.
claim-vouched = 由本服务的管理员添加。
claim-documented = 该网站给此应用的名称是“{ $name }”。
claim-documented-unnamed = 该网站介绍了此应用，但没有给出名称。
claim-says-document = 此应用自称“{ $name }”，并称由 { $document } 开发。这些说法没有人核实过。
claim-says-document-unnamed = 此应用自称由 { $document } 开发。这一说法没有人核实过。
claim-unchecked = 此应用自称“{ $name }”。这一说法没有人核实过。
claim-unnamed = 此应用没有给出名称，也没有人核实过它由谁开发。
claim-withheld = 此应用给出的名称无法在这里显示。

doubt-claims-approval = 这个名称自称获得了批准。没有人批准或核实过此应用。
doubt-instructs = 这个名称在指示您做什么。正当的名称不会这样做。
doubt-confusable = 这个名称用一些字母冒充其他字母。
doubt-unreadable = 这个名称含有可能误导您的字符。
doubt-well-known-web = “{ $name }”是您熟知的名称，但 { $place } 不是它的网站。这很可能不是您想要的应用。
doubt-well-known-scheme = “{ $name }”是您熟知的名称，但该名称的应用不会打开 { $place } 链接。这很可能不是您想要的应用。
doubt-address = 这个名称里有一个网址，但访问权限并不会交给那里。

danger-elsewhere = 访问权限将交给 { $place }，而不是介绍此应用的网站 { $document }。
danger-confusable = { $place } 使用了冒充另一个网址的相似字母。

question-web = 您是刚刚从 { $place } 过来的吗？如果不是，请拒绝。
question-loopback = 是您本人刚刚开始在这台电脑上连接应用吗？如果不是，请拒绝：我们看不到是哪个应用在请求。
question-private-scheme = 是您本人刚刚开始在这台设备上连接应用吗？如果不是，请拒绝：我们看不到是哪个应用在请求。
question-vouched = 您刚刚开始连接 { $name } 吗？如果不是，请拒绝。

what-heading = 此应用将可以做什么
what-everything = 您在那里能做的一切（此应用没有说明任何限制）
upstream-tokens = { $resource } 将获得您在 { $upstream } 的账户的密钥（访问令牌），可以在那里以您的身份操作。
group-reading = 仅查看
group-changing = 进行更改
new-scope = 新增
tools = { $count ->
   *[other] 可使用 { $count } 个工具
}
choice-hint = 请取消勾选您不想允许的项目。这样一来，此应用的部分功能可能无法使用。
presets = 勾选：{ $read_only }、{ $everything }
preset-read-only = 仅查看
preset-everything = 全部

as-known = 以 <strong>{ $person }</strong> 的身份（您的 { $upstream } 账号）
not-you = 使用其他账号
next-sign-in = 下一步：登录 { $upstream }，并在那里选择账号。
next-known = 下一步：由 { $upstream } 确认是您本人。
how-long = 访问权限将在 { $lifetime }后结束，您也可以在{ $apps }中提前移除。
policy-linked = 继续即表示您也同意 { $issuer } 的政策：{ $policy }。
policy-plain = 继续即表示您也同意 { $issuer } 的政策（版本 { $version }）。
policy-version = 版本 { $version }

answer-heading = 您允许吗？
deny = 拒绝
approve = 允许
closing-fresh = 拿不准？请拒绝，或关闭此页面：在您允许之前，什么都不会发生。
closing-approved = 本来不想允许？请立即拒绝。

notice-changed = <strong>请再看一遍。</strong>此页面显示之后，此应用的某些信息发生了变化。目前还没有做出任何决定。
notice-policy = 自您允许此应用以来，<strong>政策有了变化</strong>。您之前允许的内容继续有效；请先阅读新的内容，再作答复。
notice-approved = <strong>您已允许，但尚未登录。</strong>下面是您选择的内容。登录之前可以更改，以您最后一次的选择为准。
notice-signing-in = <strong>您已允许，登录正在完成。</strong>下面是您选择的内容。您仍然可以拒绝；如果想允许别的内容，请从应用重新开始。
notice-embedded = 此页面显示在另一个应用里，那个应用可能会读取您接下来输入的内容。如果可以，请在您自己的浏览器中打开。

details-heading = 详细信息
details-app = 应用
details-registered = 在本服务登记的日期
details-address = 访问权限将交给这个网址
details-resource = { $resource } 的网址
details-scopes = 权限名称
details-deny = 如果您拒绝
details-deny-text = 不会共享任何信息。此应用只会得知您拒绝了，不会得知您的任何其他信息。

goes-to-web = 访问权限将交给 { $place }。
goes-to-loopback = 访问权限将交给这台电脑上的一个应用（{ $place }）。
goes-to-private-scheme = 访问权限将交给这台设备上打开 { $place } 链接的应用。

## The page with one button

one-click-before = 您以前允许过。{ $goes }
one-click-button = 以 { $person } 的身份继续
one-click-full = 显示全部内容，或拒绝
one-click-closing = 拿不准？请关闭此页面：在您继续之前，什么都不会发生。

## After the login

signed-in-title = 您目前以 { $person } 的身份登录。是您本人吗？
signed-in-account = { $upstream } 账号：{ $account }
signed-in-warning = 如果这不是您的账号，请不要继续：此应用会以别人的身份行事，那个人也可能看到您在那里做的事。
signed-in-what = 您即将允许的内容
signed-in-notice-changed = <strong>请再看一遍。</strong>此页面显示之后，此应用的某些信息发生了变化。目前还没有共享任何信息。
signed-in-answer = 是您本人吗？

## The page of a finished request

allowed-lead-web = 您已允许 { $place } 以您的身份使用 { $resource }
allowed-lead-document = 您已允许 { $document } 的应用以您的身份使用 { $resource }
allowed-lead-loopback = 您已允许这台电脑上的一个应用以您的身份使用 { $resource }
allowed-lead-private-scheme = 您已允许这台设备上的一个应用以您的身份使用 { $resource }
allowed-lead-vouched = 您已允许 { $name } 以您的身份使用 { $resource }
allowed-ended = <strong>这项授权已经结束。</strong>您已取消授权，或者期限已到。此应用不能再凭它做任何事。
allowed-too-late = <strong>这次答复来得太晚了。</strong>您之前已经允许，此应用已获得访问权限。在您取消授权之前，它一直有效。
allowed-what = 您在{ $day }允许的内容
allowed-back = 如何取消授权
allowed-nothing-left = 已经没有什么可取消的了。访问会立即终止；在并非每次都核查的地方，会在几分钟内终止。
allowed-take-back = 此应用以您的身份在 { $resource } 中能做的一切都将终止：立即终止；在并非每次都核查的地方，会在几分钟内终止。
allowed-take-back-button = 取消授权
allowed-other-session = 此浏览器没有登录您当时使用的账号。请登录那个账号，并在{ $apps }中移除访问权限。

## Connected apps

account-title = 您已连接的应用
account-intro = 这些应用能以您的身份进行操作。移除一个应用后，在您再次允许之前，它什么都不能做。
account-person = 您目前以 <strong>{ $person }</strong> 的身份登录，使用的是您的 { $upstream } 账号。
account-incomplete = 此页面显示不下全部应用。移除一些之后，其余的就会显示出来。
account-empty = 没有任何应用可以通过这个账号访问这里的内容。
account-empty-hint = 没找到您要找的应用？当时连接它时，您用的可能是另一个 { $upstream } 账号。
account-just-removed = <strong>已移除。</strong>这些应用不能再做任何事：
app-vouched = { $name }
app-documented = { $document } 的应用
app-unknown = 一个应用
app-removed = 本服务已不再认识此应用，因此它现在什么都不能做。
receiver-web = { $place }
receiver-loopback = 电脑上的应用（{ $place }）
receiver-private-scheme = 设备上的应用（{ $place }）
account-also = 访问权限还交给了：
account-scopes = 在 { $resource } 中可以做的事
account-since = 允许时间：{ $time }
account-last-used = 上次使用：{ $time }
account-unused = 最近没有使用
account-expires = 最迟于{ $time }结束
account-remove = 移除
account-all-heading = 所有应用
account-all-summary = 移除所有应用…
account-all-text = 上面的每个应用都必须再次征得您的同意，才能做任何事。
account-all-button = 是的，移除所有应用
account-connection-heading = 此服务可以在 { $upstream } 代您做的事
account-connection-in-order = 此服务可以使用您的 { $upstream } 账号，完成您的应用请它做的事。应用本身不会得到这项访问权限。
account-connection-since = 登录时间：{ $time }
account-connection-scopes = 访问权限的范围（{ $upstream } 使用的名称）
account-connection-scopes-unknown = { $upstream } 没有说明
account-connection-end = 断开连接
account-connection-end-hint = 您对应用的允许不变，但在您重新登录 { $upstream } 之前，应用需要用到 { $upstream } 的操作将无法进行。
account-connection-sign-in = { $upstream } 不再接受这项访问权限，或者它已经过期。需要它的应用会请您重新登录。
account-connection-ended = 断开时间：{ $time }。需要这项访问权限的应用会请您重新登录。
account-connection-just-ended = <strong>已断开连接。</strong>此服务不能再在 { $upstream } 代您做任何事。您对应用的允许不变。
account-removed-heading = 最近 30 天内移除的应用
account-removed-app = { $app }（{ $resource }）
account-removed-hint = 访问会立即终止；在并非每次都核查的地方，会在几分钟内终止。应用之前已经取得的内容，可能仍由它保留着。
account-session-heading = 此页面
account-session = 如果 15 分钟不使用此页面，您将自动退出登录。
account-sign-out = 在此页面退出登录
sign-in-text = 在这里，您可以查看哪些应用能以您的身份进行操作，也可以取消授权。为了只显示您的应用，而不是别人的，我们需要知道您是谁。
sign-in-state = 您尚未登录此页面。
sign-in-closing = 在这里登录，不会给任何应用任何东西。我们只向 { $upstream } 询问您是谁。

## The page at the service’s own address

home-title = 登录与授权
home-text = 在应用以您的身份进行操作之前，本服务会先征得您的同意。您是由应用带到这里来的，不需要在这里主动做什么。
home-account = 您可以在{ $apps }中查看允许过的内容或取消授权。

## Errors

error-next-heading = 您可以这样做
error-details-heading = 供本服务的管理员参考
error-request-id = 请求编号
error-reason = 原因
error-details = 详细信息
error-retry = 重新打开询问页面
error-account = 您使用的是 <strong>{ $person }</strong>（您的 { $upstream } 账号）。

start-again = 请回到您要连接的应用，从那里重新开始连接。
tell-the-maker = 请回到应用再试一次。如果又来到这里，说明此应用有一个只有开发者才能修复的问题：请把此页面的内容告诉开发者，下面的详细信息会对他们有帮助。
tell-us = 请稍后再试。如果再次发生，请告知本服务的管理员，并提供下面的请求编号。
refused-app = 无法接受此应用的请求

error-not-found =
    .title = 这里什么都没有
    .what = 这个网址没有对应的页面。
    .next = 请检查网址，或返回您之前使用的应用。
error-method-not-allowed =
    .title = 在这里不能这样操作
    .what = 这个网址存在，但不能用于这类请求。
    .next = { start-again }
error-too-many-requests =
    .title = 请稍等片刻
    .what = 您或与您同一网络的其他人在短时间内发出的请求太多，超出了可以答复的数量。
    .next = 请等待一分钟，然后重新加载此页面。如果仍不行，请从应用重新开始。
error-at-capacity =
    .title = 请稍后再试
    .what = 现在太繁忙，本服务暂时无法响应。
    .next = 请等待几秒钟，然后重新加载此页面。如果仍不行，请从应用重新开始。
error-issuer-unknown =
    .title = 这里什么都没有
    .what = 这个网址上没有登录服务。
    .next = 请检查网址，或返回您之前使用的应用。
error-parameter-repeated =
    .title = { refused-app }
    .what = 此应用的请求中，同一项内容出现了不止一次。
    .next = { tell-the-maker }
error-parameter-missing =
    .title = { refused-app }
    .what = 此应用的请求缺少必要的内容。
    .next = { tell-the-maker }
error-request-malformed =
    .title = { refused-app }
    .what = 无法读取此应用的请求。
    .next = { tell-the-maker }
error-request-too-large =
    .title = 这个请求太大
    .what = 您的浏览器或此应用发送的内容超出了这里可接受的大小。
    .next = 请回到应用重新开始。如果仍不行，请先在浏览器中删除本网站的 Cookie，然后再试。
error-unauthenticated =
    .title = 本服务的设置有误
    .what = 本服务的两个部分无法相互识别。这不是您的错，也不是此应用的错。
    .next = 请告知本服务的管理员，并提供下面的请求编号。
error-permission-denied =
    .title = 本服务的设置有误
    .what = 本服务的两个部分无法相互识别。这不是您的错，也不是此应用的错。
    .next = 请告知本服务的管理员，并提供下面的请求编号。
error-record-unknown =
    .title = 这里什么都没有
    .what = 所请求的内容不在这里，或者已不存在。
    .next = { tell-us }
error-page-token-invalid =
    .title = { refused-app }
    .what = 另一项服务请求了已不存在的内容。
    .next = { tell-the-maker }
error-revision-lost =
    .title = { refused-app }
    .what = 另一项服务请求了已不存在的内容。
    .next = { tell-the-maker }
error-cursor-lost =
    .title = { refused-app }
    .what = 另一项服务请求了已不存在的内容。
    .next = { tell-the-maker }
error-watch-too-slow =
    .title = { refused-app }
    .what = 另一项服务请求了已不存在的内容。
    .next = { tell-the-maker }
error-request-id-reused =
    .title = { refused-app }
    .what = 两个不同的请求使用了相同的编号。
    .next = { tell-the-maker }
error-store-unavailable =
    .title = 请稍后再试
    .what = 本服务暂时无法响应。
    .next = 请等待几秒钟，然后重新加载此页面。如果仍不行，请从应用重新开始。
error-storage-short =
    .title = 目前无法建立新的连接
    .what = 本服务目前没有空间存放新的内容。您已有的连接可以继续使用。
    .next = 请稍后再试。这个情况已经记录下来，供本服务的管理员查看。
error-fault =
    .title = 出了点问题
    .what = 本服务发生了错误，并已记录下来。
    .next = { tell-us }
error-client-unknown =
    .title = 本服务不认识此应用
    .what = 此应用没有在本服务登记，或者登记已过期。
    .next = 请在应用中移除这个连接，然后重新添加；应用会重新登记。
error-client-disabled =
    .title = 此应用已被禁用
    .what = 本服务的管理员已禁用此应用。
    .next = 如果您认为这是误会，请联系本服务的管理员，并提供下面的请求编号。
error-client-authentication-failed =
    .title = 此应用无法证明自己的身份
    .what = 此应用给出的密钥有误，或没有给出密钥。
    .next = { tell-the-maker }
error-client-assertion-invalid =
    .title = 此应用无法证明自己的身份
    .what = 此应用给出的密钥有误，或没有给出密钥。
    .next = { tell-the-maker }
error-client-assertion-replayed =
    .title = 此应用无法证明自己的身份
    .what = 此应用给出的密钥有误，或没有给出密钥。
    .next = { tell-the-maker }
error-resource-server-unknown =
    .title = 此应用无法证明自己的身份
    .what = 此应用给出的密钥有误，或没有给出密钥。
    .next = { tell-the-maker }
error-initial-access-token-invalid =
    .title = 此应用无法证明自己的身份
    .what = 此应用给出的密钥有误，或没有给出密钥。
    .next = { tell-the-maker }
error-registration-access-token-invalid =
    .title = 此应用无法证明自己的身份
    .what = 此应用给出的密钥有误，或没有给出密钥。
    .next = { tell-the-maker }
error-access-token-missing =
    .title = 此应用在这里没有访问权限
    .what = 此应用没有带来密钥，或者带来的密钥在这里无效。
    .next = { tell-the-maker }
error-access-token-invalid =
    .title = 此应用在这里没有访问权限
    .what = 此应用没有带来密钥，或者带来的密钥在这里无效。
    .next = { tell-the-maker }
error-scope-insufficient =
    .title = 此应用不能这样做
    .what = 此应用获得的许可不包括这一项。
    .next = { tell-the-maker }
error-client-authentication-ambiguous =
    .title = { refused-app }
    .what = 此应用同时用两种方式说明自己的身份。
    .next = { tell-the-maker }
error-redirect-uri-unregistered =
    .title = 这个请求已被拦截
    .what = 访问权限原本要交给一个此应用从未登记过的网址。这可能是差错，也可能是有人企图进入您的账号。
    .next = 没有共享任何信息。如果您是通过别人发来的链接来到这里的，请不要再使用那个链接。如果是您自己在连接应用，请在应用中移除这个连接，然后重新添加。
error-metadata-url-invalid =
    .title = { refused-app }
    .what = 此应用用来说明自己身份的网址无法查询。
    .next = { tell-the-maker }
error-metadata-host-forbidden =
    .title = 不接受来自该网站的应用
    .what = 本服务的管理员只接受来自其选定网站的应用。
    .next = 如果您认为应当接受此应用，请联系本服务的管理员，并提供下面的请求编号。
error-metadata-document-invalid =
    .title = 应用的网站没有确认此应用
    .what = 此应用称某个网站上有它的介绍。那里的内容与此应用不符，或者那里什么都没有。
    .next = { tell-the-maker }
error-metadata-document-unavailable =
    .title = 应用的网站没有响应
    .what = 此应用称某个网站上有它的介绍，但目前无法向该网站查询。
    .next = 请等待一分钟，然后重新加载此页面。如果一直这样，可能是应用的网站出了故障。
error-redirect-uri-forbidden =
    .title = 此应用不能在这里连接
    .what = 本服务的管理员不允许把访问权限交给此应用指定的地方。
    .next = 如果您认为这是误会，请联系本服务的管理员，并提供下面的请求编号。
error-registrations-full =
    .title = 目前无法接受新的应用
    .what = 在这里登记的应用数量已达到本服务的上限。
    .next = 请稍后再试。如果一直这样，请联系本服务的管理员。
error-registration-closed =
    .title = 应用不能在这里自行登记
    .what = 本服务的应用由管理员手动添加。
    .next = 请管理员添加您想连接的应用。
error-token-exchange-unsupported =
    .title = { refused-app }
    .what = 有服务器要求了这里不提供的东西。
    .next = { tell-the-maker }
error-audience-unknown =
    .title = { refused-app }
    .what = 有服务器要求访问一个在这里未使用的账户。
    .next = { tell-the-maker }
error-subject-token-invalid =
    .title = { error-access-token-invalid.title }
    .what = { error-access-token-invalid.what }
    .next = { tell-the-maker }
error-upstream-tokens-withheld =
    .title = { refused-app }
    .what = 有服务器要求访问您在登录服务的账户，但在这里无法获得。
    .next = { tell-the-maker }
error-upstream-consent-missing =
    .title = 需要您再次允许
    .what = 还没有告诉您，此服务器会在登录服务以您的身份操作。
    .next = 请从应用重新开始连接。
error-account-no-longer-allowed =
    .title = 此账号不能再在这里使用
    .what = 本服务的管理员不再接受此账号。应用已被告知其访问权限已结束。
    .next = 如果您有另一个可以被接受的账号，请从应用重新开始连接。如果您认为此账号也应当被接受，请联系本服务的管理员，并提供下面的请求编号。
error-upstream-login-needed =
    .title = 您需要重新登录
    .what = 登录服务不再接受这个连接。
    .next = 请从应用重新开始连接。
error-upstream-token-unavailable =
    .title = { error-upstream-unavailable.title }
    .what = 目前无法连接到您用来登录的服务。
    .next = 请等待一分钟，然后重试。
error-token-type-unsupported =
    .title = { refused-app }
    .what = 此应用想交还一样无法交还的东西。
    .next = { tell-the-maker }
error-redirect-uri-missing =
    .title = { refused-app }
    .what = 此应用没有说明访问权限应交给哪里。
    .next = { tell-the-maker }
error-response-type-unsupported =
    .title = { refused-app }
    .what = 此应用请求的登录方式，这里不提供。
    .next = { tell-the-maker }
error-response-mode-unsupported =
    .title = { refused-app }
    .what = 此应用请求的登录方式，这里不提供。
    .next = { tell-the-maker }
error-request-object-unsupported =
    .title = { refused-app }
    .what = 此应用请求的登录方式，这里不提供。
    .next = { tell-the-maker }
error-request-uri-unsupported =
    .title = { refused-app }
    .what = 此应用请求的登录方式，这里不提供。
    .next = { tell-the-maker }
error-pkce-required =
    .title = { refused-app }
    .what = 此应用缺少这里要求的一项保护（PKCE）。
    .next = { tell-the-maker }
error-pkce-method-unsupported =
    .title = { refused-app }
    .what = 此应用缺少这里要求的一项保护（PKCE）。
    .next = { tell-the-maker }
error-pkce-challenge-malformed =
    .title = { refused-app }
    .what = 此应用缺少这里要求的一项保护（PKCE）。
    .next = { tell-the-maker }
error-resource-unknown =
    .title = { refused-app }
    .what = 此应用请求访问的内容不受本服务保护。
    .next = { tell-the-maker }
error-resource-required =
    .title = { refused-app }
    .what = 此应用没有说明它想访问什么。
    .next = { tell-the-maker }
error-scope-invalid =
    .title = { refused-app }
    .what = 此应用请求的权限在这里不存在。
    .next = { tell-the-maker }
error-interaction-required =
    .title = 需要先询问您
    .what = 此应用试图不向您显示页面就建立连接。在这里不能这样做。
    .next = { start-again }
error-ticket-invalid =
    .title = 此页面无效
    .what = 通往此页面的链接不完整。
    .next = { start-again }
error-ticket-expired =
    .title = 此页面已过期
    .what = 从应用带您来到这里算起，时间过去太久了。没有共享任何信息。
    .next = { start-again }
error-cross-site =
    .title = 这个请求已被拦截
    .what = 另一个网站试图替您作答。没有做出任何决定，也没有共享任何信息。
    .next = 请关闭那个网站。如果是您自己在连接应用，请从应用重新开始。
error-browser-cookie-missing =
    .title = 您的浏览器没有交回 Cookie
    .what = 只有从显示过询问页面的浏览器提交的答复才有效，这要靠 Cookie 来证明。但 Cookie 没有交回。没有做出任何决定。
    .next = 请允许本网站使用 Cookie，然后从应用重新开始。如果应用是在自己的窗口中打开此页面的，请改用您平时的浏览器。
error-browser-cookie-missing-over-http =
    .title = { error-browser-cookie-missing.title }
    .what = { error-browser-cookie-missing.what }
    .next = 这个网址以 http 开头，Safari 等一些浏览器不会为它保存受保护的 Cookie。请在这里使用 Chrome、Edge 或 Firefox，或者使用以 https 开头的网址。
error-form-token-invalid =
    .title = 无法接受您的答复
    .what = 这份答复不属于此浏览器显示过的页面。没有做出任何决定。
    .next = 请返回，重新加载页面，然后再次作答。如果仍不行，请从应用重新开始。
error-decision-missing =
    .title = 您还没有选择
    .what = 没有收到“允许”或“拒绝”，或者没有勾选任何要允许的项目。没有做出任何决定。
    .next = 请返回，然后按下其中一个按钮。
error-already-decided =
    .title = 您已拒绝
    .what = 您的答复是拒绝，应用也已收到通知。没有共享任何信息，以后也不会共享。
    .next = 如果您还是想允许，请从应用重新开始连接。
error-login-begun =
    .title = 现在更改答复已经太晚
    .what = 您之前已经允许，相应的登录也已开始。以您当时勾选的内容为准。
    .next = 如果想停止，请返回并选择“拒绝”。如果想允许别的内容，请从应用重新开始连接。
error-state-invalid =
    .title = 这个链接无效
    .what = 它不属于在这里开始的任何登录。
    .next = { start-again }
error-login-replaced =
    .title = 您之后又作了答复
    .what = 这次登录对应的是您先前的答复，它已被后来的答复取代。此页面没有共享任何信息。
    .next = 请在您最后一次作答的页面上登录，或者从应用重新开始连接。
error-state-cookie-missing =
    .title = 这次登录无法在这里继续
    .what = 它是在另一个浏览器中开始的，或者已经结束。此页面没有共享任何信息。
    .next = 如果这个链接是别人发给您的，请关闭此页面。如果是您自己在连接应用，请从应用重新开始，并始终使用同一个浏览器。
error-browser-mismatch =
    .title = 这个请求已被拦截
    .what = 登录时用的浏览器与允许时用的不是同一个。没有共享任何信息。
    .next = 如果有人给您发来了登录链接，请关闭此页面。如果是您自己在连接应用，请从应用重新开始，并始终使用同一个浏览器。
error-login-expired =
    .title = 登录用时过长
    .what = 登录时间已经用完。没有共享任何信息。
    .next = { start-again }
error-login-interrupted =
    .title = 登录被中断
    .what = 这次登录正在别处完成，或者中途断开了。
    .next = 请看看应用：它可能已经连接好了。如果还没有，请从应用重新开始连接。
error-already-finished =
    .title = 这次登录已经结束
    .what = 在一切完成之后，此页面又被打开了一次。
    .next = 您可以关闭此页面。如果应用还没有连接好，请从应用重新开始连接。
error-too-many-failed-logins =
    .title = 请稍等片刻
    .what = 您或与您同一网络的其他人登录失败的次数太多。您这次的登录尚未处理。
    .next = 请等待一分钟，然后重新加载此页面。
error-upstream-unavailable =
    .title = 登录服务没有响应
    .what = 目前无法连接到您用来登录的服务。没有共享任何信息。
    .next = 请等待一分钟，然后从应用重新开始连接。
error-upstream-invalid =
    .title = 无法核实这次登录
    .what = 您用来登录的服务给出的答复不可信。没有共享任何信息。
    .next = { tell-us }
error-upstream-denied =
    .title = 您没有登录成功
    .what = 登录被取消，或者被您用来登录的服务拒绝。没有共享任何信息。
    .next = { start-again }
error-signed-in-as-another =
    .title = 登录的不是您本人
    .what = 登录的是别人的账号。没有共享任何信息，应用什么也得不到。
    .next = 请在您用来登录的服务中退出登录。然后从应用重新开始连接，并用您自己的账号登录。
error-account-not-allowed =
    .title = 此账号不能在这里使用
    .what = 本服务的管理员只接受特定的账号，而此账号不在其中。没有共享任何信息，应用什么也得不到。
    .next = 如果您有另一个可以被接受的账号，请使用那个账号。如果您认为此账号也应当被接受，请联系本服务的管理员，并提供下面的请求编号。
error-account-session-missing =
    .title = 您的登录已失效
    .what = 如果一段时间不使用，此页面会让您退出登录。没有更改任何内容。
    .next = 请返回“已连接的应用”，登录后再试一次。
error-grant-type-unsupported =
    .title = { refused-app }
    .what = 此应用请求访问的方式不对它开放。
    .next = { tell-the-maker }
error-grant-type-unauthorized =
    .title = { refused-app }
    .what = 此应用请求访问的方式不对它开放。
    .next = { tell-the-maker }
error-code-invalid =
    .title = 需要重新连接
    .what = 此应用的连接码无效。
    .next = { start-again }
error-code-replayed =
    .title = 需要重新连接
    .what = 此应用的连接码被使用了两次，因此它带来的访问权限已被终止。
    .next = { start-again }
error-redirect-uri-mismatch =
    .title = { refused-app }
    .what = 此应用给出的网址与获得允许的网址不同。
    .next = { tell-the-maker }
error-pkce-mismatch =
    .title = { refused-app }
    .what = 此应用无法证明这次连接是由它开始的。
    .next = { tell-the-maker }
error-refresh-token-invalid =
    .title = 需要重新连接
    .what = 此应用的访问权限无效。
    .next = { start-again }
error-refresh-token-replayed =
    .title = 需要重新连接
    .what = 此应用的旧密钥被再次使用，因此它的访问权限已被终止。
    .next = { start-again }
error-grant-ended =
    .title = 需要重新连接
    .what = 此应用的访问权限已经结束，或已被取消。
    .next = { start-again }
error-registration-redirect-uri-invalid =
    .title = { refused-app }
    .what = 此应用无法在它给出的网址接收访问权限。
    .next = { tell-the-maker }
error-registration-metadata-invalid =
    .title = { refused-app }
    .what = 此应用对自己的说明，在这里不能接受。
    .next = { tell-the-maker }
