# The words of the pages in Arabic.

language-tag = ar
direction = rtl

## Dates and durations

date = { $day } { $month ->
    [1] يناير
    [2] فبراير
    [3] مارس
    [4] أبريل
    [5] مايو
    [6] يونيو
    [7] يوليو
    [8] أغسطس
    [9] سبتمبر
    [10] أكتوبر
    [11] نوفمبر
   *[12] ديسمبر
} { $year }
date-time = { $date }، الساعة { $time } بتوقيت غرينتش
duration-minutes = { $count ->
    [zero] { $count } دقيقة
    [one] دقيقة واحدة
    [two] دقيقتين
    [few] { $count } دقائق
    [many] { $count } دقيقة
   *[other] { $count } دقيقة
}
duration-hours = { $count ->
    [zero] { $count } ساعة
    [one] ساعة واحدة
    [two] ساعتين
    [few] { $count } ساعات
    [many] { $count } ساعة
   *[other] { $count } ساعة
}
duration-days = { $count ->
    [zero] { $count } يوم
    [one] يوم واحد
    [two] يومين
    [few] { $count } أيام
    [many] { $count } يومًا
   *[other] { $count } يوم
}

## On every page

account-link = تطبيقاتك المرتبطة
support-link = المساعدة
privacy-link = الخصوصية
return-to = العودة إلى { $place }
return-to-app = العودة إلى التطبيق
sign-in-with = تسجيل الدخول عبر { $upstream }

## The consent page

lead-web = يريد موقع { $place } استخدام { $resource } باسمك
lead-document = يريد تطبيق من موقع { $document } استخدام { $resource } باسمك
lead-loopback = يريد تطبيق على هذا الحاسوب استخدام { $resource } باسمك
lead-private-scheme = يريد تطبيق على هذا الجهاز استخدام { $resource } باسمك
lead-vouched = يريد تطبيق { $name } استخدام { $resource } باسمك

# Claims of the app: in quotation marks, never the first sentence.
claim-vouched = أضافه إلى هنا القائمون على هذه الخدمة.
claim-documented = يسمّي ذلك الموقع هذا التطبيق «{ $name }».
claim-documented-unnamed = يصف ذلك الموقع هذا التطبيق من دون أن يذكر له اسمًا.
claim-says-document = يقول التطبيق إن اسمه «{ $name }» وإنه من تطوير { $document }. لم يتحقّق أحد من ذلك.
claim-says-document-unnamed = يقول التطبيق إنه من تطوير { $document }. لم يتحقّق أحد من ذلك.
claim-unchecked = يقول التطبيق إن اسمه «{ $name }». لم يتحقّق أحد من ذلك.
claim-unnamed = لا يذكر التطبيق اسمًا له، ولم يتحقّق أحد من هوية مطوّره.
claim-withheld = يذكر التطبيق اسمًا لا يمكن عرضه هنا.

doubt-claims-approval = يدّعي الاسم أن التطبيق معتمد. لم يعتمد أحد هذا التطبيق ولم يتحقّق منه.
doubt-instructs = يملي عليك الاسم ما ينبغي فعله. الاسم الصادق لا يفعل ذلك.
doubt-confusable = في الاسم حروف تقلّد حروفًا أخرى.
doubt-unreadable = في الاسم رموز قد تضلّلك.
doubt-well-known-web = «{ $name }» اسم معروف لك من مكان آخر، لكن { $place } ليس موقعه: الأرجح أنه ليس التطبيق المقصود.
doubt-well-known-scheme = «{ $name }» اسم معروف لك من مكان آخر، لكن التطبيق بهذا الاسم لا يفتح روابط { $place }: الأرجح أنه ليس التطبيق المقصود.
doubt-address = في الاسم عنوان. الإذن لا يُرسَل إلى ذلك العنوان.

danger-elsewhere = يُرسَل الإذن إلى { $place }. وهذا ليس { $document }، الموقع الذي يصف هذا التطبيق.
danger-confusable = كُتب { $place } بحروف تقلّد عنوانًا آخر.

question-web = هل جئت للتوّ من { $place }؟ إن لم يكن كذلك، فلا بدّ من الرفض.
question-loopback = هل بدأت بنفسك للتوّ ربط تطبيق على هذا الحاسوب؟ إن لم يكن كذلك، فلا بدّ من الرفض: لا يمكننا أن نرى أي تطبيق يطلب هذا.
question-private-scheme = هل بدأت بنفسك للتوّ ربط تطبيق على هذا الجهاز؟ إن لم يكن كذلك، فلا بدّ من الرفض: لا يمكننا أن نرى أي تطبيق يطلب هذا.
question-vouched = هل بدأت للتوّ ربط { $name }؟ إن لم يكن كذلك، فلا بدّ من الرفض.

what-heading = ما يمكن للتطبيق فعله
what-everything = كل ما يمكنك فعله هناك: لم يذكر التطبيق أي حدود
upstream-tokens = يحصل { $resource } على مفتاح لحسابك لدى { $upstream } (رمز وصول)، ويمكنه استخدامه هناك بالنيابة عنك.
group-reading = الاطلاع فقط
group-changing = إجراء تغييرات
new-scope = جديد
tools = { $count ->
    [zero] لا يتيح أي أداة
    [one] يتيح أداة واحدة
    [two] يتيح أداتين
    [few] يتيح { $count } أدوات
    [many] يتيح { $count } أداة
   *[other] يتيح { $count } أداة
}
choice-hint = لعدم السماح بشيء، يكفي إلغاء تحديده. وقد لا يستطيع التطبيق عندئذٍ تقديم كل ما لديه.
presets = تحديد: { $read_only } أو { $everything }.
preset-read-only = الاطلاع فقط
preset-everything = كل شيء

as-known = باسم <strong>{ $person }</strong>، حسابك لدى { $upstream }
not-you = استخدام حساب آخر
next-sign-in = الخطوة التالية: تسجيل الدخول لدى { $upstream }. هناك يمكنك اختيار الحساب.
next-known = الخطوة التالية: التأكد من هويتك لدى { $upstream }.
how-long = ينتهي هذا الإذن بعد { $lifetime }، أو عند إزالته من صفحة { $apps }.
policy-linked = تشمل موافقتك أيضًا سياسة { $issuer }: { $policy }.
policy-plain = تشمل موافقتك أيضًا سياسة { $issuer }، الإصدار { $version }.
policy-version = الإصدار { $version }

answer-heading = القرار لك: هل يُسمح بهذا؟
deny = رفض
approve = سماح
closing-fresh = لديك شك؟ يمكنك الرفض أو إغلاق هذه الصفحة: لا يحدث شيء قبل موافقتك.
closing-approved = سمحت به من غير قصد؟ يمكنك الرفض الآن.

notice-changed = <strong>يُرجى إلقاء نظرة أخرى.</strong> تغيّر شيء في هذا التطبيق بعد أن عُرضت عليك هذه الصفحة. لم يُتخذ أي قرار بعد.
notice-policy = <strong>تغيّرت السياسة</strong> منذ أن سمحت لهذا التطبيق. ما سمحت به مستمر؛ يُرجى الاطلاع على الجديد قبل الإجابة.
notice-approved = <strong>لقد سمحت بهذا، ولم يكتمل تسجيل دخولك بعد.</strong> اختياراتك مبيّنة أدناه. يمكنك تغييرها إلى أن يكتمل تسجيل الدخول: العبرة بآخر جواب لك.
notice-signing-in = <strong>لقد سمحت بهذا، ويجري الآن إتمام تسجيل دخولك.</strong> اختياراتك مبيّنة أدناه. لا يزال بإمكانك الرفض؛ وللسماح بشيء آخر، يُرجى البدء من جديد من التطبيق.
notice-embedded = هذه الصفحة معروضة داخل تطبيق آخر يمكنه قراءة ما يُكتب بعد الآن. يُرجى فتحها في متصفحك المعتاد إن أمكن.

details-heading = التفاصيل
details-app = التطبيق
details-registered = عرّف بنفسه هنا بتاريخ
details-address = العنوان الذي يُرسَل إليه الإذن
details-resource = عنوان { $resource }
details-scopes = أسماء الأذونات
details-deny = في حال الرفض
details-deny-text = لا تتم مشاركة أي شيء. يُبلَّغ التطبيق برفضك، ولا يُبلَّغ بأي شيء آخر عنك.

goes-to-web = يُرسَل الإذن إلى { $place }.
goes-to-loopback = يُرسَل الإذن إلى تطبيق على هذا الحاسوب، على العنوان { $place }.
goes-to-private-scheme = يُرسَل الإذن إلى التطبيق الذي يفتح روابط { $place } على هذا الجهاز.

## The page with one button

one-click-before = سبق أن سمحت بهذا. { $goes }
one-click-button = المتابعة باسم { $person }
one-click-full = عرض كل شيء، أو الرفض
one-click-closing = لديك شك؟ يمكنك إغلاق هذه الصفحة: لا يحدث شيء قبل اختيارك المتابعة.

## After the login

signed-in-title = تم تسجيل دخولك باسم { $person }. هل هذا حسابك؟
signed-in-account = الحساب { $account } لدى { $upstream }.
signed-in-warning = إذا لم يكن هذا حسابك، فيجب التوقف هنا: سيتصرّف التطبيق باسم شخص آخر، وقد يرى ذلك الشخص نشاطك هناك.
signed-in-what = ما أنت على وشك السماح به
signed-in-notice-changed = <strong>يُرجى إلقاء نظرة أخرى.</strong> تغيّر شيء في هذا التطبيق بعد أن عُرضت عليك هذه الصفحة. لم تتم مشاركة أي شيء بعد.
signed-in-answer = هل هذا حسابك؟

## The page of a finished request

allowed-lead-web = لقد سمحت لموقع { $place } باستخدام { $resource } باسمك
allowed-lead-document = لقد سمحت لتطبيق من موقع { $document } باستخدام { $resource } باسمك
allowed-lead-loopback = لقد سمحت لتطبيق على هذا الحاسوب باستخدام { $resource } باسمك
allowed-lead-private-scheme = لقد سمحت لتطبيق على هذا الجهاز باستخدام { $resource } باسمك
allowed-lead-vouched = لقد سمحت لتطبيق { $name } باستخدام { $resource } باسمك
allowed-ended = <strong>انتهى هذا الإذن.</strong> إما أنك سحبته أو أن مدته انقضت. لم يعد بإمكان التطبيق فعل أي شيء به.
allowed-too-late = <strong>جاء هذا الجواب بعد فوات الأوان.</strong> سبق أن سمحت بهذا، وحصل التطبيق على إذنه. ويبقى الإذن ساريًا إلى حين سحبه.
allowed-what = ما سمحت به في { $day }
allowed-back = كيفية سحب الإذن
allowed-nothing-left = لم يبقَ شيء لسحبه. ينتهي الإذن فورًا، أو في غضون دقائق إن كان لا يُفحص عند كل استخدام.
allowed-take-back = بهذا ينتهي كل ما يُسمح للتطبيق بفعله باسمك في { $resource }: فورًا، أو في غضون دقائق إن كان الإذن لا يُفحص عند كل استخدام.
allowed-take-back-button = سحب الإذن
allowed-other-session = الحساب الذي استخدمته غير مسجَّل الدخول في هذا المتصفح. يُرجى تسجيل الدخول به، ثم إزالة الإذن من صفحة { $apps }.

## Connected apps

account-title = تطبيقاتك المرتبطة
account-intro = يُسمح لهذه التطبيقات باستخدام خدمات باسمك. عند إزالة أحدها، لا يعود بإمكانه فعل أي شيء إلا بإذن جديد منك.
account-person = تم تسجيل دخولك باسم <strong>{ $person }</strong>، بحسابك لدى { $upstream }.
account-incomplete = عدد التطبيقات أكبر مما تتسع له هذه الصفحة. عند إزالة بعضها، تظهر البقية.
account-empty = لا يملك أي تطبيق إذنًا هنا عبر هذا الحساب.
account-empty-hint = توقّعت رؤية تطبيق هنا؟ ربما استخدمت حسابًا آخر لدى { $upstream } عند ربطه.
account-just-removed = <strong>تمت الإزالة.</strong> لم يعد بإمكان هذه التطبيقات فعل أي شيء:
app-vouched = { $name }
app-documented = تطبيق من موقع { $document }
app-unknown = تطبيق
app-removed = لم يعد معروفًا هنا، فلا يمكنه فعل أي شيء الآن.
receiver-web = { $place }
receiver-loopback = تطبيق على حاسوب ({ $place })
receiver-private-scheme = تطبيق على جهاز ({ $place })
account-also = أُرسل الإذن أيضًا إلى:
account-scopes = ما يمكنه فعله في { $resource }
account-since = تاريخ السماح: { $time }
account-last-used = آخر استخدام: { $time }
account-unused = لم يُستخدم مؤخرًا
account-expires = ينتهي على أبعد تقدير في { $time }
account-remove = إزالة
account-all-heading = كل التطبيقات
account-all-summary = إزالة كل التطبيقات…
account-all-text = سيتعيّن على كل تطبيق أعلاه أن يسألك من جديد قبل أن يتمكّن من فعل أي شيء.
account-all-button = نعم، إزالة كل التطبيقات
account-connection-heading = ما يمكن لهذه الخدمة فعله لدى { $upstream } بالنيابة عنك
account-connection-in-order = يمكن لهذه الخدمة استخدام حسابك لدى { $upstream } لتنفيذ ما تطلبه منها تطبيقاتك. ولا تحصل التطبيقات نفسها على هذا الإذن أبدًا.
account-connection-since = تاريخ تسجيل دخولك: { $time }
account-connection-scopes = ما يشمله هذا الإذن، بتسميات { $upstream }
account-connection-scopes-unknown = لم يذكر { $upstream } ذلك
account-connection-end = قطع الاتصال
account-connection-end-hint = تبقى تطبيقاتك مسموحًا بها، لكن ما تحتاج إليه من { $upstream } لن يعمل إلى أن يتم تسجيل دخولك هناك من جديد.
account-connection-sign-in = لم يعد { $upstream } يقبل هذا الإذن، أو انتهت صلاحيته. سيطلب منك أي تطبيق يحتاج إليه تسجيل الدخول من جديد.
account-connection-ended = تاريخ قطع الاتصال: { $time }. سيطلب منك أي تطبيق يحتاج إلى هذا الإذن تسجيل الدخول من جديد.
account-connection-just-ended = <strong>تم قطع الاتصال.</strong> لم يعد بإمكان هذه الخدمة فعل أي شيء لدى { $upstream } بالنيابة عنك. وتبقى تطبيقاتك مسموحًا بها.
account-removed-heading = أُزيلت خلال آخر 30 يومًا
account-removed-app = { $app }، في { $resource }
account-removed-hint = ينتهي الإذن فورًا، أو في غضون دقائق إن كان لا يُفحص عند كل استخدام. أما ما حصل عليه التطبيق قبل ذلك، فربما احتفظ به.
account-session-heading = هذه الصفحة
account-session = عند عدم استخدام هذه الصفحة، يتم تسجيل خروجك منها بعد 15 دقيقة.
account-sign-out = تسجيل الخروج من هذه الصفحة
sign-in-text = هنا تظهر التطبيقات التي يُسمح لها باستخدام خدمات باسمك، ويمكنك سحب الإذن منها. ولكي نعرض لك تطبيقاتك وحدها دون تطبيقات غيرك، نحتاج إلى معرفة من أنت.
sign-in-state = لم يتم تسجيل دخولك إلى هذه الصفحة.
sign-in-closing = تسجيل الدخول هنا لا يمنح أي تطبيق شيئًا. ولا نسأل { $upstream } إلا عن هويتك.

## The page at the service’s own address

home-title = تسجيل الدخول والأذونات
home-text = تسألك هذه الخدمة قبل أن يُسمح لأي تطبيق باستخدام شيء باسمك. التطبيقات هي التي ترسلك إلى هنا، ولا يلزمك بدء أي شيء هنا بنفسك.
home-account = يمكنك الاطلاع على ما سمحت به، وسحبه، من صفحة { $apps }.

## Errors

error-next-heading = ما يمكنك فعله
error-details-heading = للقائمين على هذه الخدمة
error-request-id = رقم الطلب
error-reason = السبب
error-details = التفاصيل
error-retry = فتح السؤال من جديد
error-account = تم استخدام <strong>{ $person }</strong>، وهو حسابك لدى { $upstream }.

start-again = يُرجى العودة إلى التطبيق المراد ربطه وبدء الربط من جديد من هناك.
tell-the-maker = يُرجى العودة إلى التطبيق والمحاولة مرة أخرى. وإذا أوصلك إلى هنا مجددًا، ففيه خلل لا يستطيع إصلاحه إلا مطوّروه: يُرجى إبلاغهم بما تقوله هذه الصفحة. ستساعدهم التفاصيل أدناه.
tell-us = يُرجى المحاولة مرة أخرى بعد قليل. وإذا تكرّر الأمر، فيُرجى إبلاغ القائمين على هذه الخدمة وتزويدهم برقم الطلب أدناه.
refused-app = أرسل التطبيق طلبًا لا يمكن قبوله

error-not-found =
    .title = لا يوجد شيء هنا
    .what = هذا العنوان لا يؤدي إلى أي صفحة.
    .next = يُرجى التحقّق من العنوان، أو العودة إلى التطبيق الذي جئت منه.
error-method-not-allowed =
    .title = هذا غير ممكن هنا
    .what = هذا العنوان موجود، لكن ليس لهذا النوع من الطلبات.
    .next = { start-again }
error-too-many-requests =
    .title = يُرجى الانتظار قليلًا
    .what = وصلت، منك أو من آخرين على شبكتك، طلبات أكثر مما يمكن الرد عليه في وقت قصير كهذا.
    .next = يُرجى الانتظار دقيقة ثم إعادة تحميل هذه الصفحة. وإذا لم ينفع ذلك، فيُرجى البدء من جديد من التطبيق.
error-at-capacity =
    .title = يُرجى المحاولة مرة أخرى بعد قليل
    .what = الضغط على هذه الخدمة كبير إلى حدّ يمنعها من الرد الآن.
    .next = يُرجى الانتظار بضع ثوانٍ ثم إعادة تحميل هذه الصفحة. وإذا لم ينفع ذلك، فيُرجى البدء من جديد من التطبيق.
error-issuer-unknown =
    .title = لا يوجد شيء هنا
    .what = لا تستجيب أي خدمة لتسجيل الدخول على هذا العنوان.
    .next = يُرجى التحقّق من العنوان، أو العودة إلى التطبيق الذي جئت منه.
error-parameter-repeated =
    .title = { refused-app }
    .what = يذكر طلب التطبيق الشيء نفسه أكثر من مرة.
    .next = { tell-the-maker }
error-parameter-missing =
    .title = { refused-app }
    .what = يخلو طلب التطبيق من شيء ضروري.
    .next = { tell-the-maker }
error-request-malformed =
    .title = { refused-app }
    .what = تعذّرت قراءة طلب التطبيق.
    .next = { tell-the-maker }
error-request-too-large =
    .title = هذا الطلب كبير جدًا
    .what = أرسل متصفحك أو التطبيق أكثر مما يُقبل هنا.
    .next = يُرجى العودة إلى التطبيق والبدء من جديد. وإذا لم ينفع ذلك، فيُرجى أولًا حذف ملفات تعريف الارتباط الخاصة بهذا الموقع من متصفحك.
error-unauthenticated =
    .title = هذه الخدمة غير معدّة كما يجب
    .what = جزآن من هذه الخدمة لا يتعرّف أحدهما على الآخر. ليس الخطأ منك ولا من التطبيق.
    .next = يُرجى إبلاغ القائمين على هذه الخدمة وتزويدهم برقم الطلب أدناه.
error-permission-denied =
    .title = هذه الخدمة غير معدّة كما يجب
    .what = جزآن من هذه الخدمة لا يتعرّف أحدهما على الآخر. ليس الخطأ منك ولا من التطبيق.
    .next = يُرجى إبلاغ القائمين على هذه الخدمة وتزويدهم برقم الطلب أدناه.
error-record-unknown =
    .title = لا يوجد شيء هنا
    .what = الشيء المطلوب غير موجود هنا، أو لم يعد موجودًا.
    .next = { tell-us }
error-page-token-invalid =
    .title = { refused-app }
    .what = طلبت خدمة أخرى شيئًا لم يعد موجودًا.
    .next = { tell-the-maker }
error-revision-lost =
    .title = { refused-app }
    .what = طلبت خدمة أخرى شيئًا لم يعد موجودًا.
    .next = { tell-the-maker }
error-cursor-lost =
    .title = { refused-app }
    .what = طلبت خدمة أخرى شيئًا لم يعد موجودًا.
    .next = { tell-the-maker }
error-watch-too-slow =
    .title = { refused-app }
    .what = طلبت خدمة أخرى شيئًا لم يعد موجودًا.
    .next = { tell-the-maker }
error-request-id-reused =
    .title = { refused-app }
    .what = طلبان مختلفان يحملان الرقم نفسه.
    .next = { tell-the-maker }
error-store-unavailable =
    .title = يُرجى المحاولة مرة أخرى بعد قليل
    .what = لا تستطيع هذه الخدمة الرد الآن.
    .next = يُرجى الانتظار بضع ثوانٍ ثم إعادة تحميل هذه الصفحة. وإذا لم ينفع ذلك، فيُرجى البدء من جديد من التطبيق.
error-storage-short =
    .title = لا يمكن ربط تطبيقات جديدة حاليًا
    .what = لا تتسع هذه الخدمة لأي شيء جديد الآن. أما تطبيقاتك المرتبطة من قبل، فتواصل عملها.
    .next = يُرجى المحاولة لاحقًا. وقد أُبلغ القائمون على هذه الخدمة بذلك عبر سجلّها.
error-fault =
    .title = حدث خطأ ما
    .what = وقع خطأ في هذه الخدمة، وقد سُجّل.
    .next = { tell-us }
error-client-unknown =
    .title = هذا التطبيق غير معروف هنا
    .what = التطبيق غير مسجّل لدى هذه الخدمة، أو انتهت مدة تسجيله.
    .next = يُرجى إزالة هذا الربط من داخل التطبيق ثم إضافته مرة أخرى؛ وعندئذٍ يعرّف التطبيق بنفسه من جديد.
error-client-disabled =
    .title = هذا التطبيق محظور
    .what = حظر القائمون على هذه الخدمة هذا التطبيق.
    .next = إذا بدا لك أن في الأمر خطأ، فيُرجى التواصل معهم وتزويدهم برقم الطلب أدناه.
error-client-authentication-failed =
    .title = لم يتمكّن التطبيق من إثبات هويته
    .what = قدّم التطبيق مفتاحًا خاطئًا، أو لم يقدّم أي مفتاح.
    .next = { tell-the-maker }
error-client-assertion-invalid =
    .title = لم يتمكّن التطبيق من إثبات هويته
    .what = قدّم التطبيق مفتاحًا خاطئًا، أو لم يقدّم أي مفتاح.
    .next = { tell-the-maker }
error-client-assertion-replayed =
    .title = لم يتمكّن التطبيق من إثبات هويته
    .what = قدّم التطبيق مفتاحًا خاطئًا، أو لم يقدّم أي مفتاح.
    .next = { tell-the-maker }
error-resource-server-unknown =
    .title = لم يتمكّن التطبيق من إثبات هويته
    .what = قدّم التطبيق مفتاحًا خاطئًا، أو لم يقدّم أي مفتاح.
    .next = { tell-the-maker }
error-initial-access-token-invalid =
    .title = لم يتمكّن التطبيق من إثبات هويته
    .what = قدّم التطبيق مفتاحًا خاطئًا، أو لم يقدّم أي مفتاح.
    .next = { tell-the-maker }
error-registration-access-token-invalid =
    .title = لم يتمكّن التطبيق من إثبات هويته
    .what = قدّم التطبيق مفتاحًا خاطئًا، أو لم يقدّم أي مفتاح.
    .next = { tell-the-maker }
error-access-token-missing =
    .title = ليس للتطبيق إذن هنا
    .what = لم يقدّم التطبيق مفتاحًا، أو قدّم مفتاحًا غير صالح هنا.
    .next = { tell-the-maker }
error-access-token-invalid =
    .title = ليس للتطبيق إذن هنا
    .what = لم يقدّم التطبيق مفتاحًا، أو قدّم مفتاحًا غير صالح هنا.
    .next = { tell-the-maker }
error-scope-insufficient =
    .title = لا يُسمح للتطبيق بهذا
    .what = ما سُمح به للتطبيق لا يشمل هذا.
    .next = { tell-the-maker }
error-client-authentication-ambiguous =
    .title = { refused-app }
    .what = عرّف التطبيق بنفسه بطريقتين في آن واحد.
    .next = { tell-the-maker }
error-redirect-uri-unregistered =
    .title = تم إيقاف هذا الطلب
    .what = كان الإذن سيُرسَل إلى عنوان لم يسجّله التطبيق قط. قد يكون هذا خطأ، أو محاولة من أحدهم للوصول إلى حسابك.
    .next = لم تتم مشاركة أي شيء. إذا جئت إلى هنا عبر رابط أرسله إليك أحد، فيجب عدم استخدامه مرة أخرى. وإذا كان ربط التطبيق بمبادرة منك، فيُرجى إزالة الربط هناك وإضافته من جديد.
error-metadata-url-invalid =
    .title = { refused-app }
    .what = يعرّف التطبيق بنفسه بعنوان لا يمكن الرجوع إليه.
    .next = { tell-the-maker }
error-metadata-host-forbidden =
    .title = لا تُقبل تطبيقات من ذلك الموقع
    .what = لا يقبل القائمون على هذه الخدمة تطبيقات إلا من مواقع اختاروها.
    .next = إذا بدا لك أن هذا التطبيق ينبغي أن يكون من بينها، فيُرجى التواصل معهم وتزويدهم برقم الطلب أدناه.
error-metadata-document-invalid =
    .title = موقع التطبيق لا يشهد له
    .what = يقول التطبيق إن موقعًا يصفه. لكن ما في ذلك الموقع لا يطابق التطبيق، أو لا شيء فيه عنه.
    .next = { tell-the-maker }
error-metadata-document-unavailable =
    .title = موقع التطبيق لا يستجيب
    .what = يقول التطبيق إن موقعًا يصفه، ويتعذّر الآن سؤال ذلك الموقع.
    .next = يُرجى الانتظار دقيقة ثم إعادة تحميل هذه الصفحة. وإذا استمر ذلك، فربما كان موقع التطبيق متعطلًا.
error-redirect-uri-forbidden =
    .title = لا يُسمح بربط هذا التطبيق هنا
    .what = لا يسمح القائمون على هذه الخدمة بإرسال الإذن إلى حيث يريد هذا التطبيق.
    .next = إذا بدا لك أن في الأمر خطأ، فيُرجى التواصل معهم وتزويدهم برقم الطلب أدناه.
error-registrations-full =
    .title = لا تُقبل تطبيقات جديدة حاليًا
    .what = بلغ عدد التطبيقات التي عرّفت بنفسها هنا أقصى ما تحتفظ به هذه الخدمة.
    .next = يُرجى المحاولة لاحقًا. وإذا استمر ذلك، فيُرجى التواصل مع القائمين على هذه الخدمة.
error-registration-closed =
    .title = لا يمكن للتطبيقات أن تعرّف بنفسها هنا
    .what = القائمون على هذه الخدمة هم من يضيفون التطبيقات بأنفسهم.
    .next = يُرجى التواصل معهم لإضافة التطبيق المراد ربطه.
error-token-exchange-unsupported =
    .title = { refused-app }
    .what = طلب خادم شيئًا غير متاح هنا.
    .next = { tell-the-maker }
error-audience-unknown =
    .title = { refused-app }
    .what = طلب خادم الوصول إلى حساب غير مستخدم هنا.
    .next = { tell-the-maker }
error-subject-token-invalid =
    .title = { error-access-token-invalid.title }
    .what = { error-access-token-invalid.what }
    .next = { tell-the-maker }
error-upstream-tokens-withheld =
    .title = { refused-app }
    .what = طلب خادم الوصول إلى حسابك لدى خدمة تسجيل الدخول، ولا يحصل عليه هنا.
    .next = { tell-the-maker }
error-upstream-consent-missing =
    .title = يلزم السماح بهذا من جديد
    .what = لم يتم إعلامك بعد بأن الخادم يتصرّف بالنيابة عنك لدى خدمة تسجيل الدخول.
    .next = يُرجى بدء الربط من جديد من التطبيق.
error-account-no-longer-allowed =
    .title = لم يعد هذا الحساب مقبولًا هنا
    .what = لم يعد القائمون على هذه الخدمة يقبلون هذا الحساب. تم إبلاغ التطبيق بأن وصوله قد انتهى.
    .next = إذا كان لديك حساب آخر مقبول، فيُرجى بدء الربط من جديد من التطبيق. وإذا بدا لك أن هذا الحساب ينبغي أن يُقبل أيضًا، فيُرجى التواصل مع القائمين على هذه الخدمة وتزويدهم برقم الطلب أدناه.
error-upstream-login-needed =
    .title = يلزم تسجيل الدخول من جديد
    .what = لم تعد خدمة تسجيل الدخول تقبل هذا الربط.
    .next = يُرجى بدء الربط من جديد من التطبيق.
error-upstream-token-unavailable =
    .title = { error-upstream-unavailable.title }
    .what = يتعذّر الآن الوصول إلى الخدمة المسؤولة عن تسجيل دخولك.
    .next = يُرجى الانتظار دقيقة، ثم المحاولة مرة أخرى.
error-token-type-unsupported =
    .title = { refused-app }
    .what = أراد التطبيق ردّ شيء لا يمكن ردّه.
    .next = { tell-the-maker }
error-redirect-uri-missing =
    .title = { refused-app }
    .what = لم يذكر التطبيق إلى أين ينبغي إرسال الإذن.
    .next = { tell-the-maker }
error-response-type-unsupported =
    .title = { refused-app }
    .what = طلب التطبيق طريقة لتسجيل الدخول غير متاحة هنا.
    .next = { tell-the-maker }
error-response-mode-unsupported =
    .title = { refused-app }
    .what = طلب التطبيق طريقة لتسجيل الدخول غير متاحة هنا.
    .next = { tell-the-maker }
error-request-object-unsupported =
    .title = { refused-app }
    .what = طلب التطبيق طريقة لتسجيل الدخول غير متاحة هنا.
    .next = { tell-the-maker }
error-request-uri-unsupported =
    .title = { refused-app }
    .what = طلب التطبيق طريقة لتسجيل الدخول غير متاحة هنا.
    .next = { tell-the-maker }
error-pkce-required =
    .title = { refused-app }
    .what = أغفل التطبيق وسيلة حماية (PKCE) مطلوبة هنا.
    .next = { tell-the-maker }
error-pkce-method-unsupported =
    .title = { refused-app }
    .what = أغفل التطبيق وسيلة حماية (PKCE) مطلوبة هنا.
    .next = { tell-the-maker }
error-pkce-challenge-malformed =
    .title = { refused-app }
    .what = أغفل التطبيق وسيلة حماية (PKCE) مطلوبة هنا.
    .next = { tell-the-maker }
error-resource-unknown =
    .title = { refused-app }
    .what = طلب التطبيق إذنًا لاستخدام شيء لا تحميه هذه الخدمة.
    .next = { tell-the-maker }
error-resource-required =
    .title = { refused-app }
    .what = لم يذكر التطبيق ما يريد إذنًا لاستخدامه.
    .next = { tell-the-maker }
error-scope-invalid =
    .title = { refused-app }
    .what = طلب التطبيق إذنًا لا وجود له هنا.
    .next = { tell-the-maker }
error-interaction-required =
    .title = لا بدّ من سؤالك
    .what = حاول التطبيق إتمام الربط من دون أن تُعرض عليك أي صفحة. هذا غير ممكن هنا.
    .next = { start-again }
error-ticket-invalid =
    .title = هذه الصفحة غير صالحة
    .what = الرابط المؤدي إلى هذه الصفحة غير مكتمل.
    .next = { start-again }
error-ticket-expired =
    .title = انتهت صلاحية هذه الصفحة
    .what = مرّ وقت طويل جدًا منذ أن أرسلك التطبيق إلى هنا. لم تتم مشاركة أي شيء.
    .next = { start-again }
error-cross-site =
    .title = تم إيقاف هذا الطلب
    .what = حاول موقع آخر أن يجيب بدلًا منك. لم يُتخذ أي قرار ولم تتم مشاركة أي شيء.
    .next = يُرجى إغلاق الموقع الآخر. وإذا كان ربط التطبيق بمبادرة منك، فيُرجى البدء من جديد من التطبيق.
error-browser-cookie-missing =
    .title = لم يُعِد متصفحك ملف تعريف الارتباط
    .what = لا يمكن قبول جوابك إلا من المتصفح الذي عُرض فيه السؤال، وملف تعريف الارتباط هو ما يثبت ذلك. لكن هذا الملف لم يصل. لم يُتخذ أي قرار.
    .next = يُرجى السماح بملفات تعريف الارتباط لهذا الموقع، ثم البدء من جديد من التطبيق. وإذا كان التطبيق قد فتح هذه الصفحة في نافذة تابعة له، فيُرجى استخدام متصفحك المعتاد.
error-browser-cookie-missing-over-http =
    .title = { error-browser-cookie-missing.title }
    .what = { error-browser-cookie-missing.what }
    .next = يبدأ هذا العنوان بـ http، وبعض المتصفحات، ومنها Safari، لا تحتفظ بملف تعريف ارتباط محمي في مثل هذا العنوان. يُرجى استخدام Chrome أو Edge أو Firefox هنا، أو عنوان يبدأ بـ https.
error-form-token-invalid =
    .title = تعذّر قبول جوابك
    .what = لا يخص هذا الجواب الصفحة التي عُرضت في هذا المتصفح. لم يُتخذ أي قرار.
    .next = يُرجى الرجوع إلى الصفحة السابقة وإعادة تحميلها والإجابة من جديد. وإذا لم ينفع ذلك، فيُرجى البدء من جديد من التطبيق.
error-decision-missing =
    .title = لم يصل اختيارك بعد
    .what = لم يصل «سماح» ولا «رفض»، أو لم يبقَ أي شيء محدّدًا للسماح به. لم يُتخذ أي قرار.
    .next = يُرجى الرجوع إلى الصفحة السابقة والضغط على أحد الزرين.
error-already-decided =
    .title = لقد رفضت هذا
    .what = كان جوابك الرفض، وأُبلغ التطبيق بذلك. لم تتم مشاركة أي شيء، ولن تتم.
    .next = للسماح به رغم ذلك، يُرجى بدء الربط من جديد من التطبيق.
error-login-begun =
    .title = فات أوان تغيير جوابك
    .what = سبق أن سمحت بهذا، وقد بدأ تسجيل الدخول الخاص به. العبرة بما حدّدته حينها.
    .next = لإيقاف ذلك، يُرجى الرجوع إلى الصفحة السابقة واختيار «رفض». وللسماح بشيء آخر، يُرجى بدء الربط من جديد من التطبيق.
error-state-invalid =
    .title = هذا الرابط غير صالح
    .what = لا يخص هذا الرابط أي تسجيل دخول بدأ هنا.
    .next = { start-again }
error-login-replaced =
    .title = لقد أجبت مرة أخرى بعد ذلك
    .what = يخص تسجيل الدخول هذا جوابًا سابقًا لك، وقد حلّ محله جواب أحدث. لم تشارك هذه الصفحة أي شيء.
    .next = يُرجى تسجيل الدخول في الصفحة التي أجبت فيها آخر مرة، أو بدء الربط من جديد من التطبيق.
error-state-cookie-missing =
    .title = لا يمكن متابعة تسجيل الدخول هذا هنا
    .what = بدأ تسجيل الدخول في متصفح آخر، أو أنه انتهى بالفعل. لم تشارك هذه الصفحة أي شيء.
    .next = إذا أرسل إليك أحد هذا الرابط، فيجب إغلاق الصفحة. وإذا كان ربط التطبيق بمبادرة منك، فيُرجى البدء من جديد من التطبيق والبقاء في متصفح واحد.
error-browser-mismatch =
    .title = تم إيقاف هذا الطلب
    .what = المتصفح الذي تم فيه تسجيل الدخول ليس المتصفح الذي تم فيه السماح. لم تتم مشاركة أي شيء.
    .next = إذا أرسل إليك أحد رابطًا لتسجيل الدخول، فيجب إغلاق الصفحة. وإذا كان ربط التطبيق بمبادرة منك، فيُرجى البدء من جديد من التطبيق والبقاء في متصفح واحد.
error-login-expired =
    .title = استغرق تسجيل الدخول وقتًا أطول من اللازم
    .what = انقضت مهلة تسجيل الدخول. لم تتم مشاركة أي شيء.
    .next = { start-again }
error-login-interrupted =
    .title = انقطع تسجيل الدخول
    .what = يجري إتمام تسجيل الدخول هذا في مكان آخر، أو أنه انقطع في منتصف الطريق.
    .next = يُرجى إلقاء نظرة على التطبيق: فربما تم ربطه بالفعل. وإن لم يكن كذلك، فيُرجى بدء الربط من جديد من هناك.
error-already-finished =
    .title = انتهى تسجيل الدخول هذا بالفعل
    .what = فُتحت الصفحة مرة أخرى بعد أن تم كل شيء.
    .next = يمكنك إغلاقها. وإذا لم يكن التطبيق مرتبطًا، فيُرجى بدء الربط من جديد من هناك.
error-too-many-failed-logins =
    .title = يُرجى الانتظار قليلًا
    .what = فشلت محاولات كثيرة لتسجيل الدخول، منك أو من آخرين على شبكتك. أما محاولتك هذه فلم تُجرَّب بعد.
    .next = يُرجى الانتظار دقيقة ثم إعادة تحميل هذه الصفحة.
error-upstream-unavailable =
    .title = خدمة تسجيل الدخول لا تستجيب
    .what = يتعذّر الآن الوصول إلى الخدمة المسؤولة عن تسجيل دخولك. لم تتم مشاركة أي شيء.
    .next = يُرجى الانتظار دقيقة، ثم بدء الربط من جديد من التطبيق.
error-upstream-invalid =
    .title = تعذّر التحقّق من تسجيل الدخول
    .what = قدّمت الخدمة المسؤولة عن تسجيل دخولك ردًا لا يمكن الوثوق به. لم تتم مشاركة أي شيء.
    .next = { tell-us }
error-upstream-denied =
    .title = لم يتم تسجيل دخولك
    .what = أُلغي تسجيل الدخول، أو رفضته الخدمة المسؤولة عنه. لم تتم مشاركة أي شيء.
    .next = { start-again }
error-signed-in-as-another =
    .title = لم يكن ذلك حسابك
    .what = تم تسجيل الدخول بحساب شخص آخر. لم تتم مشاركة أي شيء، ولن يحصل التطبيق على شيء.
    .next = يُرجى تسجيل الخروج لدى الخدمة المسؤولة عن تسجيل دخولك، ثم بدء الربط من جديد من التطبيق وتسجيل الدخول بحسابك أنت.
error-account-not-allowed =
    .title = لا يُقبل هذا الحساب هنا
    .what = لا يقبل القائمون على هذه الخدمة إلا حسابات معيّنة، وهذا الحساب ليس منها. لم تتم مشاركة أي شيء، ولن يحصل التطبيق على شيء.
    .next = إذا كان لديك حساب آخر مقبول، فيُرجى استخدامه. وإذا بدا لك أن هذا الحساب ينبغي أن يُقبل أيضًا، فيُرجى التواصل مع القائمين على هذه الخدمة وتزويدهم برقم الطلب أدناه.
error-account-session-missing =
    .title = لقد تم تسجيل خروجك
    .what = تسجّل هذه الصفحة خروجك عندما لا تُستخدم لبعض الوقت. لم يتغيّر أي شيء.
    .next = يُرجى العودة إلى صفحة تطبيقاتك المرتبطة وتسجيل الدخول والمحاولة من جديد.
error-grant-type-unsupported =
    .title = { refused-app }
    .what = طلب التطبيق الإذن بطريقة غير متاحة له.
    .next = { tell-the-maker }
error-grant-type-unauthorized =
    .title = { refused-app }
    .what = طلب التطبيق الإذن بطريقة غير متاحة له.
    .next = { tell-the-maker }
error-code-invalid =
    .title = لا بدّ من إعادة الربط
    .what = رمز التطبيق غير صالح.
    .next = { start-again }
error-code-replayed =
    .title = لا بدّ من إعادة الربط
    .what = استُخدم رمز التطبيق مرتين، فأُنهي الإذن الذي منحه.
    .next = { start-again }
error-redirect-uri-mismatch =
    .title = { refused-app }
    .what = ذكر التطبيق عنوانًا غير العنوان الذي سُمح به.
    .next = { tell-the-maker }
error-pkce-mismatch =
    .title = { refused-app }
    .what = لم يتمكّن التطبيق من إثبات أنه هو من بدأ هذا الربط.
    .next = { tell-the-maker }
error-refresh-token-invalid =
    .title = لا بدّ من إعادة الربط
    .what = إذن التطبيق غير صالح.
    .next = { start-again }
error-refresh-token-replayed =
    .title = لا بدّ من إعادة الربط
    .what = استُخدم مفتاح قديم للتطبيق مرة أخرى، فأُنهي إذنه.
    .next = { start-again }
error-grant-ended =
    .title = لا بدّ من إعادة الربط
    .what = انتهى إذن التطبيق أو سُحب.
    .next = { start-again }
error-registration-redirect-uri-invalid =
    .title = { refused-app }
    .what = لا يمكن للتطبيق تسلّم الإذن على العنوان الذي ذكره.
    .next = { tell-the-maker }
error-registration-metadata-invalid =
    .title = { refused-app }
    .what = ما يقوله التطبيق عن نفسه غير مقبول هنا.
    .next = { tell-the-maker }
